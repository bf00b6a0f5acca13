/** A thousand updates of contrastive divergence, or of persistent chains, around the exact gradient. */
import { useComputed } from "../compute.js";
import { html } from "../html.js";
import { fixed, indexed, plain, sized } from "../format.js";
import { usePage } from "../page.js";
import { Button, Choice, Error } from "../ui/controls.js";
import { drawOf, useGiven, useRested } from "./gradient-given.js";
import { closeUp, Legend, Plane } from "./gradient-plane.js";

/** @typedef {import("../answers/cloud.js").Name} Name */
/** @typedef {import("../answers/cloud.js").Thousand} Thousand */

const METHODS = [["cd-1", "CD-1"], ["cd-3", "CD-3"], ["cd-10", "CD-10"], ["cd-30", "CD-30"], ["pcd", "PCD"]];
/** Strong weights keep the chain near where it began. */
const STRONG = { weights: [[3, -3], [-3, 3]], a: [0, 0], b: [0, 0] };

export function Cloud() {
  const { state, setting, change } = usePage();
  const given = useGiven();
  const method = setting("gradient", "method", "cd-1", METHODS.map(([id]) => id));
  const chains = String(setting("gradient", "chains", "1", ["1", "10", "100"]));
  const plane = setting("gradient", "plane", "gradient", ["gradient", "parameters"]);
  const draw = drawOf(setting("gradient", "cloud", 0));
  const count = parameterCount(state.machine, given.parts);
  const axis = (/** @type {string} */ key, /** @type {number} */ otherwise) => Math.min(drawOf(setting("gradient", key, otherwise)), count - 1);
  const axes = plane === "parameters" ? { x: axis("x", 0), y: axis("y", 1) } : null;
  const { machine, temperature, target, seed } = state;
  /** @type {Parameters<typeof import("../answers/cloud.js").thousand>} */
  const args = [machine, temperature, target, given.biases, seed, draw, method, Number(chains), axes && [axes.x, axes.y]];
  const { answer: cloud, error } = useComputed("thousand", useRested(args, [machine, temperature, target, given.biases, seed, draw, method, chains, axes?.x, axes?.y]));
  const strong = () => change({ machine: structuredClone(STRONG), temperature: 1, target: [0, 1], clamp: { v: [null, null], h: [null, null] } });
  const select = (/** @type {"x" | "y"} */ key, /** @type {number} */ value) => cloud && html`<select aria-label=${key === "x" ? "the weight across" : "the weight up"} value=${value} data-test=${`axis-${key}`}
    onChange=${(/** @type {any} */ e) => given.change({ [key]: Number(e.target.value) })}>${cloud.parameters.name.map((name, n) => html`<option value=${n} selected=${n === value}>${textOf(name)}</option>`)}</select>`;
  return html`<section class="card cloud"><h3>A thousand updates</h3>
    <div class="settings">
      <${Choice} label="estimated by" value=${method} options=${METHODS} onChange=${(/** @type {string} */ m) => given.change({ method: m })} test="method" />
      <${Choice} label="chains averaged in each" value=${chains} options=${[["1", "1"], ["10", "10"], ["100", "100"]]} onChange=${(/** @type {string} */ c) => given.change({ chains: c })} test="chains" />
      <span class="axes"><${Choice} label="view" value=${plane} options=${[["gradient", "along and across the gradient"], ["parameters", "two parameters"]]} onChange=${(/** @type {string} */ p) => given.change({ plane: p })} test="plane" />
        ${plane === "parameters" && html` ${select("x", axes?.x ?? 0)} ${select("y", axes?.y ?? 0)}`}</span>
    </div>
    ${error && html`<${Error}>${error}<//>`}
    ${cloud && html`<${Seen} cloud=${cloud} axes=${axes} />`}
    <div class="buttons">
      <${Button} onClick=${() => given.change({ cloud: draw + 1 })} test="another">another thousand<//>
      <button type="button" class="link" onClick=${strong} data-test="strong">try a machine with strong weights</button>
    </div>
    ${cloud && html`<${ByParameter} cloud=${cloud} />`}
  </section>`;
}

/** @param {{cloud: Thousand, axes: {x: number, y: number} | null}} props */
function Seen({ cloud, axes }) {
  const { parameters, length, bias, found, noise } = cloud;
  const name = (/** @type {number | undefined} */ n) => textOf(parameters.name[Math.min(n ?? 0, parameters.name.length - 1)]);
  /** @type {[string, string]} */
  const names = cloud.along_gradient ? ["along the gradient", "across it"] : [`\u0394${name(axes?.x)}`, `\u0394${name(axes?.y)}`];
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

/** @param {{cloud: Thousand}} props */
function ByParameter({ cloud }) {
  const { name, gradient, expected, mean, error } = cloud.parameters;
  return html`<details class="by-parameter"><summary>parameter by parameter</summary>
    <div class="scroll tall" tabindex="0" role="region" aria-label="parameter by parameter"><table class="rows" data-test="by-parameter">
      <thead><tr><th scope="col"></th><th scope="col">gradient</th><th scope="col">expectation, exact</th><th scope="col">mean of the cloud</th><th scope="col">standard error</th></tr></thead>
      <tbody>${name.map((n, k) => html`<tr><th scope="row">${textOf(n)}</th>${[gradient, expected, mean].map((values) => html`<td class="num">${fixed(values[k], 6)}</td>`)}<td class="num">${fixed(error[k], 6)}</td></tr>`)}</tbody>
    </table></div></details>`;
}

/** @param {Name} name */
function textOf([letter, ...indices]) {
  return indexed(letter, ...indices);
}

/** @param {number} share */
export function percent(share) {
  const p = 100 * share;
  return p === 0 || p >= 0.05 ? `${plain(p, p < 10 ? 1 : 0)}%` : "below 0.1%";
}

/** @param {import("../state.js").Machine} machine @param {string} parts */
function parameterCount({ a, b }, parts) {
  return a.length * b.length + (parts === "all" ? a.length + b.length : 0);
}
