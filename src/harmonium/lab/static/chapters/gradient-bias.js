/** How the bias falls with the number of sweeps, and what a step that changes nothing means. */
import { useMemo } from "preact/hooks";
import { biasOf } from "../answers/gradient.js";
import { html } from "../html.js";
import { DIGITS, fixed } from "../format.js";
import { usePage } from "../page.js";
import { Bar } from "../ui/bars.js";
import { percent } from "./gradient-cloud.js";
import { useGiven, useRested } from "./gradient-given.js";

const SHOWN = [1, 2, 3, 5, 10, 20, 30];
/** Below this a share is the rounding of the computer. */
const NOTHING = 1e-9;

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
      <tbody>${SHOWN.map((k) => html`<tr><th scope="row" class="num">${k}</th>
        <td class="num" data-test=${`bias-${k}`}>${fixed(exact(k) ? bias.distance[k - 1] : 0, DIGITS)}</td><td class="num">${percent(exact(k))}</td>
        <td class="num">${bias.angle[k - 1] === null ? "\u2013" : `${fixed(bias.angle[k - 1], 1)}\u00b0`}</td>
        <td class="bar-cell"><${Bar} share=${exact(k)} /></td></tr>`)}</tbody>
    </table></div>
    <p>With each sweep, the chain forgets. On this machine, each further sweep eventually multiplies the bias by <span class="num" data-test="memory">${fixed(bias.memory, 3)}</span>
      ${" "}(the second largest eigenvalue of the sweep). ${bias.memory > 0.9 ? "That is a lot: no affordable k is enough here; use persistent chains or tempering." : bias.memory > 0.5 ? "The chain has some memory: CD-1 mostly sees its own start." : "That is small: a few sweeps are enough."}</p>
  </section>`;
}

/** @param {{step: import("../answers/gradient.js").Step}} props */
export function Stationary({ step }) {
  const rows = /** @type {[string, any, number][]} */ ([
    ["target", html`only ${step.target}`, step.gap.target],
    ["even", "every v equally often", step.gap.even],
    ["model", "v drawn from the model", step.gap.model],
  ]);
  const largest = Math.max(...rows.map(([, , gap]) => gap), 1e-12);
  return html`<section class="card stationary"><h3>A step that changes nothing</h3>
    <table class="rows" data-test="gaps">
      <thead><tr><th scope="col">the data</th><th scope="col">largest |A \u2212 B|</th><th scope="col"><span class="hidden">bar</span></th></tr></thead>
      <tbody>${rows.map(([id, text, gap]) => html`<tr><th scope="row">${text}</th><td class="num" data-test=${`gap-${id}`}>${fixed(gap < NOTHING ? 0 : gap, DIGITS)}</td><td class="bar-cell"><${Bar} share=${gap / largest} /></td></tr>`)}</tbody>
    </table>
    <p>Where A = B for every parameter that learns, the step is zero. That does not mean that the machine has learned the data. It means that its own expectations
      equal those of the data: these expectations cannot tell the two apart. Data drawn from the machine itself are the clearest case, the last row.</p>
    <p>With a single target, the gradient shrinks but never reaches zero: as p(v = ${step.target}) goes to 1, B goes to A, and the steps become short. Take 100 steps and look at the first row.</p>
  </section>`;
}
