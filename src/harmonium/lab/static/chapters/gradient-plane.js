/** A plane of updates: the cloud, the gradient as an arrow, the cloud's mean and its exact expectation. */
import { html, plain, useWidth } from "../ui.js";

const MARGIN = 26;
const MANY = 120;
/** A close-up is worth it from this factor on. */
const ENLARGED = 3;

/** @param {{cloud: Thousand, height: number, names: [string, string], label: string, frame?: Frame, test?: string}} props
 *   frame: what of the plane is shown; all of it, if not given */
export function Plane({ cloud, height, names, label, frame = aroundAll(cloud), test }) {
  const { place, width } = useWidth(200);
  // The same scale both ways, so that angles are true.
  const scale = Math.min((width - 2 * MARGIN) / frame.wide, (height - 2 * MARGIN) / frame.high);
  const X = (/** @type {number} */ x) => width / 2 + (x - frame.x) * scale;
  const Y = (/** @type {number} */ y) => height / 2 - (y - frame.y) * scale;
  const { points, gradient, mean, expected, error } = cloud;
  const most = points.count.reduce((a, b) => Math.max(a, b), 1);
  const size = (/** @type {number} */ n) => (most === 1 ? 2.4 : Math.max(1.8, (points.x.length > MANY ? 5 : 18) * Math.sqrt(n / most)));
  const tick = niceStep(Math.min(width, height) / scale / 4);
  const grid = (/** @type {number} */ middle, /** @type {number} */ pixels) => {
    const [first, last] = [Math.ceil((middle - pixels / 2 / scale) / tick), Math.floor((middle + pixels / 2 / scale) / tick)];
    return Array.from({ length: Math.max(0, last - first + 1) }, (_, n) => (first + n) * tick);
  };
  return html`<div class="plane" ref=${place} style=${`height:${height}px`} data-test=${test}>
    <svg width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`} role="img" aria-label=${label}>
      ${grid(frame.x, width).map((x) => html`<line class=${x === 0 ? "zero" : "grid-line"} x1=${X(x)} x2=${X(x)} y1="0" y2=${height} />
        ${X(x) > 18 && X(x) < width - 18 && html`<text class="tick" x=${X(x)} y=${height - 5} text-anchor="middle">${plain(x, 6)}</text>`}`)}
      ${grid(frame.y, height).map((y) => html`<line class=${y === 0 ? "zero" : "grid-line"} x1="0" x2=${width} y1=${Y(y)} y2=${Y(y)} />
        ${Y(y) > 14 && Y(y) < height - 22 && html`<text class="tick" x="4" y=${Y(y) - 3}>${plain(y, 6)}</text>`}`)}
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

function Arrow(/** @type {{from: Pair, to: Pair}} */ { from, to }) {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const length = Math.hypot(dx, dy);
  if (!(length > 1)) return null;
  const head = Math.min(11, length);
  const [ux, uy] = [dx / length, dy / length];
  const base = [to[0] - head * ux, to[1] - head * uy];
  const wing = (/** @type {number} */ side) => `${base[0] - side * 0.42 * head * uy},${base[1] + side * 0.42 * head * ux}`;
  return html`<g class="gradient-arrow"><line x1=${from[0]} y1=${from[1]} x2=${base[0]} y2=${base[1]} /><polygon points=${`${to[0]},${to[1]} ${wing(1)} ${wing(-1)}`} /></g>`;
}

function diamond(/** @type {number} */ x, /** @type {number} */ y, /** @type {number} */ r) {
  return `M${x - r},${y}L${x},${y - r}L${x + r},${y}L${x},${y + r}Z`;
}

/** The whole of a plane. @returns {Frame} */
const aroundAll = (/** @type {Thousand} */ { points, gradient, mean, expected }) => box([0, gradient[0], mean[0], expected[0], ...points.x], [0, gradient[1], mean[1], expected[1], ...points.y]);

/** Where the mean and its expectation lie, with the arrow's tip if that is near enough to be enlarged with them. */
export function closeUp(/** @type {Thousand} */ cloud) {
  const { gradient, mean, expected, error } = cloud;
  const around = (/** @type {Pair[]} */ ...more) => {
    const [x, y] = [0, 1].map((axis) => [mean[axis] - 2 * error[axis], mean[axis] + 2 * error[axis], expected[axis], ...more.map((p) => p[axis])]);
    const found = box(x, y);
    return { ...found, wide: Math.max(found.wide * 1.4, 1e-6), high: Math.max(found.high * 1.4, 1e-6) };
  };
  const [all, wide] = [aroundAll(cloud), around(gradient)];
  const tip = ENLARGED * Math.max(wide.wide, wide.high) < Math.max(all.wide, all.high);
  return { frame: tip ? wide : around(), tip };
}

/** What holds these points. @param {number[]} x @param {number[]} y @returns {Frame} */
function box(x, y) {
  const [left, right, low, high] = [Math.min(...x), Math.max(...x), Math.min(...y), Math.max(...y)];
  return { x: (left + right) / 2, y: (low + high) / 2, wide: Math.max(right - left, 1e-9), high: Math.max(high - low, 1e-9) };
}

/** 1, 2 or 5 times a power of ten. @param {number} about */
function niceStep(about) {
  const power = 10 ** Math.floor(Math.log10(about));
  const times = about / power;
  return power * (times < 1.5 ? 1 : times < 3.5 ? 2 : times < 7.5 ? 5 : 10);
}

const inside = (/** @type {number} */ at, /** @type {number} */ size) => at > -20 && at < size + 20;
const clamp = (/** @type {number} */ x, /** @type {number} */ least, /** @type {number} */ most) => Math.min(most, Math.max(least, x));
