/** The bias of contrastive divergence: a thousand updates around the exact gradient, how it falls with the sweeps, and what a step that changes nothing means. */
import { Bar, Button, Choice, DIGITS, Error, fixed, freely, html, indexed, plain, sized, useMemo, usePage, useWidth } from "../ui.js";
import { biasOf } from "../answers/gradient.js";
import { useComputed } from "../compute.js";
import { drawOf, useGiven, useRested } from "./gradient-given.js";

const METHODS = [["cd-1", "CD-1"], ["cd-3", "CD-3"], ["cd-10", "CD-10"], ["cd-30", "CD-30"], ["pcd", "PCD"]];
/** Strong weights keep the chain near where it began. */
const STRONG = { weights: [[3, -3], [-3, 3]], a: [0, 0], b: [0, 0] };
const SWEEPS = [1, 2, 3, 5, 10, 20, 30];
/** Below this a share is the rounding of the computer. */
const NOTHING = 1e-9;

export function Cloud() {
  const { state, setting, change } = usePage();
  const given = useGiven();
  const method = setting("gradient", "method", "cd-1", METHODS.map(([id]) => id));
  const chains = String(setting("gradient", "chains", "1", ["1", "10", "100"]));
  const plane = setting("gradient", "plane", "gradient", ["gradient", "parameters"]);
  const draw = drawOf(setting("gradient", "cloud", 0));
  const { machine, temperature, target, seed } = state;
  const [V, H] = [machine.a.length, machine.b.length];
  const axis = (/** @type {string} */ key, /** @type {number} */ otherwise) => Math.min(drawOf(setting("gradient", key, otherwise)), V * H + (given.biases ? V + H : 0) - 1);
  const axes = /** @type {[number, number] | null} */ (plane === "parameters" ? [axis("x", 0), axis("y", 1)] : null);
  const args = /** @type {Parameters<Functions["thousand"]>} */ ([machine, temperature, target, given.biases, seed, draw, method, Number(chains), axes]);
  const { answer: cloud, error } = useComputed("thousand", useRested(args, [...args.slice(0, -1), ...(axes ?? [null, null])]));
  const select = (/** @type {"x" | "y"} */ key, /** @type {number} */ value) => cloud && html`<select aria-label=${key === "x" ? "the weight across" : "the weight up"} value=${value} data-test=${`axis-${key}`}
    onChange=${(/** @type {any} */ e) => given.change({ [key]: Number(e.target.value) })}>${cloud.parameters.name.map((name, n) => html`<option value=${n} selected=${n === value}>${textOf(name)}</option>`)}</select>`;
  return html`<section class="card cloud"><h3>A thousand updates</h3>
    <div class="settings">
      <${Choice} label="estimated by" value=${method} options=${METHODS} onChange=${(/** @type {string} */ m) => given.change({ method: m })} test="method" />
      <${Choice} label="chains averaged in each" value=${chains} options=${[["1", "1"], ["10", "10"], ["100", "100"]]} onChange=${(/** @type {string} */ c) => given.change({ chains: c })} test="chains" />
      <span class="axes"><${Choice} label="view" value=${plane} options=${[["gradient", "along and across the gradient"], ["parameters", "two parameters"]]} onChange=${(/** @type {string} */ p) => given.change({ plane: p })} test="plane" />
        ${axes && html` ${select("x", axes[0])} ${select("y", axes[1])}`}</span>
    </div>
    ${error && html`<${Error}>${error}<//>`}
    ${cloud && html`<${Seen} cloud=${cloud} axes=${axes} />`}
    <div class="buttons">
      <${Button} onClick=${() => given.change({ cloud: draw + 1 })} test="another">another thousand<//>
      <button type="button" class="link" onClick=${() => change(freely(structuredClone(STRONG), [0, 1]))} data-test="strong">try a machine with strong weights</button>
    </div>
    ${cloud && html`<${ByParameter} cloud=${cloud} />`}
  </section>`;
}

function Seen(/** @type {{cloud: Thousand, axes: [number, number] | null}} */ { cloud, axes }) {
  const { parameters, length, bias, found, noise } = cloud;
  const [x, y] = (axes ?? [0, 0]).map((n) => parameters.name[Math.min(n, parameters.name.length - 1)]);
  const names = cloud.along_gradient ? ["along the gradient", "across it"] : [`\u0394${textOf(x)}`, `\u0394${textOf(y)}`];
  const method = METHODS.find(([id]) => id === cloud.method)?.[1] ?? cloud.method;
  const [uphill, downhill] = [cloud.uphill, cloud.downhill].map((share) => `${(100 * share).toFixed(1)}%`);
  const pair = (/** @type {[number, number]} */ [p, q]) => `${fixed(p, 4)}, ${fixed(q, 4)}`;
  const said = `${cloud.updates} updates of ${method}. The gradient ends at ${pair(cloud.gradient)}; the mean of the cloud is ${pair(cloud.mean)} with standard errors ${pair(cloud.error)}; its exact expectation is ${pair(cloud.expected)}. ${uphill} of the updates point uphill, ${downhill} downhill.`;
  const near = closeUp(cloud);
  return html`<div class="planes">
      <figure><${Plane} cloud=${cloud} height=${400} names=${names} label=${said} test="plane-all" /></figure>
      <figure><${Plane} cloud=${cloud} height=${220} names=${["", ""]} frame=${near.frame} label=${near.tip ? "The neighborhood of the tip of the gradient, enlarged." : "The neighborhood of the mean of the cloud, enlarged."} test="plane-near" />
        <figcaption class="soft">${near.tip ? "The tip of the arrow, enlarged" : "The mean and its expectation, enlarged; the tip is far away"}.</figcaption></figure>
      <${Legend} />
    </div>
    <dl class="facts">
      <div><dt>length of the gradient</dt><dd class="num">${sized(length, 4)}</dd></div>
      <div><dt>bias of ${method}, exact</dt><dd><span class="num" data-test="bias">${sized(bias, 4)}</span>${length > 0 && html` <span class="soft">${percent(bias / length)}</span>`}</dd></div>
      <div><dt>distance of the mean from the gradient</dt><dd class="num">${sized(found, 4)}</dd></div>
      <div><dt>expected from chance</dt><dd class="num">${sized(noise, 4)}</dd></div>
      <div><dt>updates that point uphill</dt><dd class="num" data-test="uphill">${uphill}</dd></div>
      <div><dt>updates that point downhill</dt><dd class="num" data-test="downhill">${downhill}</dd></div>
    </dl>
    <p class="soft">In units of v\u2009h\u1d40 \u2212 v\u2032h\u2032\u1d40; an update is \u03b7/T times as long. Bias and chance are computed from the table, not from the cloud.
      ${cloud.method === "pcd" && " These are successive updates of the same chains, started at the target, with the parameters held fixed; the standard error accounts for their correlation."}</p>`;
}

function ByParameter(/** @type {{cloud: Thousand}} */ { cloud }) {
  const { name, gradient, expected, mean, error } = cloud.parameters;
  return html`<details class="by-parameter"><summary>parameter by parameter</summary>
    <div class="scroll tall" tabindex="0" role="region" aria-label="parameter by parameter"><table class="rows" data-test="by-parameter">
      <thead><tr><th scope="col">parameter</th><th scope="col">gradient</th><th scope="col">expectation, exact</th><th scope="col">mean of the cloud</th><th scope="col">standard error</th></tr></thead>
      <tbody>${name.map((n, k) => html`<tr><th scope="row">${textOf(n)}</th>${[gradient, expected, mean, error].map((values) => html`<td class="num">${fixed(values[k], 6)}</td>`)}</tr>`)}</tbody>
    </table></div></details>`;
}

const textOf = (/** @type {Name} */ [letter, ...indices]) => indexed(letter, ...indices);

function percent(/** @type {number} */ share) {
  const p = 100 * share;
  return p === 0 || p >= 0.05 ? `${plain(p, p < 10 ? 1 : 0)}%` : "below 0.1%";
}

export function Sweeps() {
  const { state, tables } = usePage();
  const { biases } = useGiven();
  const given = useRested({ tables, target: state.target, biases }, [tables, state.target, biases]);
  const bias = useMemo(() => biasOf(given.tables, given.target, given.biases), [given]);
  const share = (/** @type {number} */ n) => (bias.length > 0 ? bias.distance[n] / bias.length : 0);
  const exact = (/** @type {number} */ k) => (share(k - 1) > NOTHING ? share(k - 1) : 0);
  return html`<section class="card sweeps"><h3>More sweeps, less bias</h3>
    <div class="scroll" tabindex="0" role="region" aria-label="the bias by sweeps"><table class="rows" data-test="bias-table">
      <thead><tr><th scope="col">k</th><th scope="col">bias, exact</th><th scope="col">relative to the gradient</th><th scope="col">angle</th><th scope="col"><span class="hidden">bar</span></th></tr></thead>
      <tbody>${SWEEPS.map((k) => html`<tr><th scope="row" class="num">${k}</th>
        <td class="num" data-test=${`bias-${k}`}>${fixed(exact(k) ? bias.distance[k - 1] : 0, DIGITS)}</td><td class="num">${percent(exact(k))}</td>
        <td class="num">${bias.angle[k - 1] === null ? "\u2013" : `${fixed(bias.angle[k - 1], 1)}\u00b0`}</td>
        <td class="bar-cell"><${Bar} share=${exact(k)} /></td></tr>`)}</tbody>
    </table></div>
    <p>With each sweep, the chain forgets. On this machine, each further sweep eventually multiplies the bias by <span class="num" data-test="memory">${fixed(bias.memory, 3)}</span>
      ${" "}(the second largest eigenvalue of the sweep). ${bias.memory > 0.9 ? "That is a lot: no affordable k is enough here; use persistent chains or tempering." : bias.memory > 0.5 ? "The chain has some memory: CD-1 mostly sees its own start." : "That is small: a few sweeps are enough."}</p>
  </section>`;
}

export function Stationary(/** @type {{step: Step}} */ { step }) {
  const rows = /** @type {[string, any, number][]} */ ([
    ["target", html`only ${step.target}`, step.gap.target],
    ["even", "every v equally often", step.gap.even],
    ["model", "v drawn from the model", step.gap.model],
  ]);
  const largest = Math.max(...rows.map(([, , gap]) => gap), 1e-12);
  return html`<section class="card stationary"><h3>A step that changes nothing</h3>
    <table class="rows" data-test="gaps">
      <thead><tr><th scope="col">the data</th><th scope="col">largest |A\u00a0\u2212\u00a0B|</th><th scope="col"><span class="hidden">bar</span></th></tr></thead>
      <tbody>${rows.map(([id, text, gap]) => html`<tr><th scope="row">${text}</th><td class="num" data-test=${`gap-${id}`}>${fixed(gap < NOTHING ? 0 : gap, DIGITS)}</td><td class="bar-cell"><${Bar} share=${gap / largest} /></td></tr>`)}</tbody>
    </table>
    <p>Where A = B for every parameter that learns, the step is zero. That does not mean that the machine has learned the data. It means that its own expectations
      equal those of the data: these expectations cannot tell the two apart. Data drawn from the machine itself are the clearest case, the last row.</p>
    <p>With a single target, the gradient shrinks but never reaches zero: as p(v = ${step.target}) goes to 1, B goes to A, and the steps become short. Take 100 steps and look at the first row.</p>
  </section>`;
}

const MARGIN = 26;
const MANY = 120;
/** A close-up is worth it from this factor on. */
const ENLARGED = 3;

/** A plane of updates: the cloud, the gradient as an arrow, the cloud's mean and its exact expectation.
 * @param {{cloud: Thousand, height: number, names: [string, string], label: string, frame?: Frame, test?: string}} props
 *   frame: what of the plane is shown; all of it, if not given */
function Plane({ cloud, height, names, label, frame = aroundAll(cloud), test }) {
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
function Legend() {
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
function closeUp(/** @type {Thousand} */ cloud) {
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
