/** The bias of contrastive divergence: a thousand updates around the exact gradient, how it falls with the sweeps, and what a step that changes nothing means. */
import { Bar, Button, Choice, DIGITS, Error, fixed, freely, html, indexed, plain, sized, useMemo, usePage } from "../ui.js";
import { useComputed } from "../compute.js";
import { biasOf } from "../answers/gradient.js";
import { drawOf, useGiven, useRested } from "./gradient-given.js";
import { closeUp, Legend, Plane } from "./gradient-plane.js";

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
