/** A plane of updates: the cloud, the gradient as an arrow, the cloud's mean and its exact expectation. */
import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "../html.js";
import { plain } from "../format.js";

/** @typedef {import("../answers/cloud.js").Pair} Pair */
/** @typedef {{x: number, y: number, wide: number, high: number}} Frame middle and size */
/** @typedef {import("../answers/cloud.js").Thousand} Cloud */

const MARGIN = 26;
const MANY = 120;
/** A close-up is worth it from this factor on. */
const ENLARGED = 3;

/** @param {{cloud: Cloud, height: number, names: [string, string], label: string, frame?: Frame, test?: string}} props
 *   frame: what of the plane is shown; all of it, if not given */
export function Plane({ cloud, height, names, label, frame = aroundAll(cloud), test }) {
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const width = useWidth(place);
  // The same scale both ways, so that angles are true.
  const scale = Math.min((width - 2 * MARGIN) / frame.wide, (height - 2 * MARGIN) / frame.high);
  const X = (/** @type {number} */ x) => width / 2 + (x - frame.x) * scale;
  const Y = (/** @type {number} */ y) => height / 2 - (y - frame.y) * scale;
  const { points, gradient, mean, expected, error } = cloud;
  const most = points.count.reduce((a, b) => Math.max(a, b), 1);
  const radius = (/** @type {number} */ n) => Math.max(1.8, (points.x.length > MANY ? 5 : 18) * Math.sqrt(n / most));
  const size = most === 1 ? () => 2.4 : radius;
  const tick = niceStep(Math.min(width, height) / scale / 4);
  const grid = (/** @type {number} */ low, /** @type {number} */ high) => {
    const first = Math.ceil(low / tick);
    return Array.from({ length: Math.max(0, Math.floor(high / tick) - first + 1) }, (_, n) => (first + n) * tick);
  };
  const [left, right] = [frame.x - width / 2 / scale, frame.x + width / 2 / scale];
  const [low, high] = [frame.y - height / 2 / scale, frame.y + height / 2 / scale];
  return html`<div class="plane" ref=${place} style=${`height:${height}px`} data-test=${test}>
    <svg width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`} role="img" aria-label=${label}>
      ${grid(left, right).map((x) => html`<line class=${x === 0 ? "zero" : "grid-line"} x1=${X(x)} x2=${X(x)} y1="0" y2=${height} />`)}
      ${grid(low, high).map((y) => html`<line class=${y === 0 ? "zero" : "grid-line"} x1="0" x2=${width} y1=${Y(y)} y2=${Y(y)} />`)}
      ${grid(left, right).map((x) => X(x) > 18 && X(x) < width - 18 && html`<text class="tick" x=${X(x)} y=${height - 5} text-anchor="middle">${plain(x, 6)}</text>`)}
      ${grid(low, high).map((y) => Y(y) > 14 && Y(y) < height - 22 && html`<text class="tick" x="4" y=${Y(y) - 3}>${plain(y, 6)}</text>`)}
      ${points.x.map((x, n) => inside(X(x), width) && inside(Y(points.y[n]), height) && html`<circle class="update" cx=${X(x)} cy=${Y(points.y[n])} r=${size(points.count[n])} />`)}
      <${Arrow} from=${[X(0), Y(0)]} to=${[X(gradient[0]), Y(gradient[1])]} />
      <path class="expected" d=${diamond(X(expected[0]), Y(expected[1]), 7)} />
      <g class="mean">
        <line x1=${X(mean[0] - 2 * error[0])} x2=${X(mean[0] + 2 * error[0])} y1=${Y(mean[1])} y2=${Y(mean[1])} />
        <line y1=${Y(mean[1] - 2 * error[1])} y2=${Y(mean[1] + 2 * error[1])} x1=${X(mean[0])} x2=${X(mean[0])} />
        <circle cx=${X(mean[0])} cy=${Y(mean[1])} r="4" />
      </g>
      <text class="axis" x=${width - 5} y=${clamp(Y(0) - 6, 14, height - 24)} text-anchor="end">${names[0]}</text>
      <text class="axis" x=${clamp(X(0) + 6, 34, width - 130)} y="14">${names[1]}</text>
    </svg>
  </div>`;
}

/** What the signs of a plane mean. */
export function Legend() {
  const sign = (/** @type {any} */ drawn) => html`<svg width="26" height="16" viewBox="0 0 26 16" aria-hidden="true">${drawn}</svg>`;
  return html`<ul class="plane-legend">
    <li>${sign(html`<circle class="update" cx="13" cy="8" r="5" />`)} updates; the larger, the more frequent</li>
    <li>${sign(html`<${Arrow} from=${[1, 8]} to=${[25, 8]} />`)} the exact gradient</li>
    <li>${sign(html`<g class="mean"><line x1="5" x2="21" y1="8" y2="8" /><line x1="13" x2="13" y1="1" y2="15" /><circle cx="13" cy="8" r="3.5" /></g>`)} mean of the cloud \u00b1 2 standard errors</li>
    <li>${sign(html`<path class="expected" d=${diamond(13, 8, 6)} />`)} the exact expectation of that mean</li>
  </ul>`;
}

/** @param {{from: Pair, to: Pair}} props */
function Arrow({ from, to }) {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const length = Math.hypot(dx, dy);
  if (!(length > 1)) return null;
  const head = Math.min(11, length);
  const [ux, uy] = [dx / length, dy / length];
  const base = [to[0] - head * ux, to[1] - head * uy];
  const wing = (/** @type {number} */ side) => `${base[0] - side * 0.42 * head * uy},${base[1] + side * 0.42 * head * ux}`;
  return html`<g class="gradient-arrow"><line x1=${from[0]} y1=${from[1]} x2=${base[0]} y2=${base[1]} /><polygon points=${`${to[0]},${to[1]} ${wing(1)} ${wing(-1)}`} /></g>`;
}

/** @param {number} x @param {number} y @param {number} r */
function diamond(x, y, r) {
  return `M${x - r},${y}L${x},${y - r}L${x + r},${y}L${x},${y + r}Z`;
}

/** @param {Cloud} cloud */
function aroundAll({ points, gradient, mean, expected }) {
  const x = [0, gradient[0], mean[0], expected[0]].concat(points.x);
  const y = [0, gradient[1], mean[1], expected[1]].concat(points.y);
  return box(Math.min(...x), Math.max(...x), Math.min(...y), Math.max(...y));
}

/** Where the mean and its expectation lie, with the arrow's tip if that is near enough to be enlarged with them.
 * @param {Cloud} cloud @returns {{frame: Frame, tip: boolean}} */
export function closeUp(cloud) {
  const { gradient, mean, expected, error } = cloud;
  const around = (/** @type {Pair[]} */ more) => {
    const [x, y] = /** @type {const} */ ([0, 1]).map((axis) => [mean[axis] - 2 * error[axis], mean[axis] + 2 * error[axis], expected[axis], ...more.map((p) => p[axis])]);
    const found = box(Math.min(...x), Math.max(...x), Math.min(...y), Math.max(...y));
    const least = 1e-6;
    return { ...found, wide: Math.max(found.wide * 1.4, least), high: Math.max(found.high * 1.4, least) };
  };
  const all = aroundAll(cloud);
  const wide = around([gradient]);
  const tip = ENLARGED * Math.max(wide.wide, wide.high) < Math.max(all.wide, all.high);
  return { frame: tip ? wide : around([]), tip };
}

/** @param {number} left @param {number} right @param {number} low @param {number} high @returns {Frame} */
function box(left, right, low, high) {
  return { x: (left + right) / 2, y: (low + high) / 2, wide: Math.max(right - left, 1e-9), high: Math.max(high - low, 1e-9) };
}

/** 1, 2 or 5 times a power of ten. @param {number} about */
function niceStep(about) {
  const power = 10 ** Math.floor(Math.log10(about));
  const times = about / power;
  return power * (times < 1.5 ? 1 : times < 3.5 ? 2 : times < 7.5 ? 5 : 10);
}

/** @param {number} at @param {number} size */
const inside = (at, size) => at > -20 && at < size + 20;
/** @param {number} x @param {number} least @param {number} most */
const clamp = (x, least, most) => Math.min(most, Math.max(least, x));

/** The width that the page gives an element. @param {{current: HTMLElement | null}} place */
function useWidth(place) {
  const [width, setWidth] = useState(320);
  useEffect(() => {
    if (!place.current) return;
    const measure = () => place.current && setWidth(Math.max(200, place.current.clientWidth));
    const watcher = new ResizeObserver(measure);
    watcher.observe(place.current);
    measure();
    return () => watcher.disconnect();
  }, []);
  return width;
}
