/** The table before and after the step, one quantity at a time. */
import { html } from "../html.js";
import { decimals, DIGITS, exact, fixed, probability, signed } from "../format.js";
import { usePage } from "../page.js";
import { Bar } from "../ui/bars.js";
import { Choice } from "../ui/controls.js";
import { Formula } from "../ui/formula.js";

/** @typedef {import("../answers/gradient.js").Step} Step */
/** @typedef {{v: string, h?: string}} Row */
/** @typedef {{before: number[], after: number[], text: (x: number) => string, digits: number, bars: boolean, total?: [string, number, number]}} Shown */

const QUANTITIES = /** @type {const} */ ([["visible", "p(v)"], ["energy", "E"], ["factor", "e^(\u2212E/T)"], ["joint", "p(v, h)"]]);

/** @param {{step: Step}} props */
export function BeforeAndAfter({ step }) {
  const { setting, changeSetting, hover, setHover } = usePage();
  const found = setting("gradient", "rows", "visible");
  const which = QUANTITIES.find(([id]) => id === found)?.[0] ?? "visible";
  const rows = /** @type {Row[]} */ (which === "visible" ? step.visible.states.map((v) => ({ v })) : step.visible.states.flatMap((v) => step.hidden.states.map((h) => ({ v, h }))));
  const { before, after, text, digits, bars, total } = shownOf(step, which);
  const largest = [...before, ...after].reduce((a, b) => Math.max(a, b), 0);
  const cells = (/** @type {number} */ x, /** @type {number} */ y) => html`<td class="num">${text(x)}</td><td class="num">${text(y)}</td>
    <td class=${`num change ${y < x ? "minus" : y > x ? "plus" : "soft"}`}>${y === x ? "0" : signed(y - x, digits)}</td>`;
  return html`<section class="card both"><div class="card-head"><h3>Before and after</h3>
      <${Choice} label="compare" value=${which} options=${QUANTITIES} onChange=${(/** @type {string} */ rows) => changeSetting("gradient", { rows })} test="rows" /></div>
    <div class="scroll tall" tabindex="0" role="region" aria-label="the table before and after" onPointerLeave=${() => setHover(null)}><table class="rows" data-test=${`${which}-both`}>
      <thead><tr><th scope="col">v</th>${which !== "visible" && html`<th scope="col">h</th>`}<th scope="col">before</th><th scope="col">after</th><th scope="col" class="change">change</th>
        ${bars && html`<th scope="col" class="bar-cell"><span class="hidden">bar</span></th>`}</tr></thead>
      <tbody>${rows.map(({ v, h }, n) => html`<tr key=${v + (h ?? "")} class=${classOf(hover, { v, h }, step, n)} data-test=${`both-${v}${h === undefined ? "" : `-${h}`}`}
        onPointerEnter=${() => setHover(h === undefined ? { v } : { v, h })}>
        <td class="bits-cell">${h === undefined && v === step.target && html`<span class="here">target </span>`}${v}</td>${h !== undefined && html`<td class="bits-cell">${h}</td>`}
        ${cells(before[n], after[n])}
        ${bars && html`<td class="bar-cell"><${Bar} share=${after[n] / largest} mark=${before[n] / largest} strong=${v === step.target} /></td>`}</tr>`)}
        ${total && html`<tr class="first" data-test="both-total"><th scope="row" colspan="2">${total[0]}</th>${cells(total[1], total[2])}</tr>`}</tbody>
    </table></div>
    <p class="soft">${bars ? "The bar is the probability after the step, the tick the probability before. What the target gains, other vectors lose: both columns sum to 1."
      : which === "energy" ? html`<${Formula} tex=${"E(v,h) = -\\sum_{i,j} v_i\\, w_{ij}\\, h_j - \\sum_i a_i v_i - \\sum_j b_j h_j"} />, with the parameters before and after the step.`
        : "Divided by their sum Z, these Boltzmann factors are the probabilities."}</p>
  </section>`;
}

/** @param {Step} step @param {"visible" | "energy" | "factor" | "joint"} which @returns {Shown} */
function shownOf(step, which) {
  const { energy, probability: joint } = step.rows;
  if (which === "visible") return { ...step.visible, text: probability, digits: DIGITS, bars: true };
  if (which === "joint") return { ...joint, text: probability, digits: DIGITS, bars: true };
  if (which === "energy") {
    const digits = decimals([...energy.before, ...energy.after]);
    return { ...energy, text: (x) => fixed(x, digits), digits, bars: false };
  }
  const factors = (/** @type {number[]} */ energies) => energies.map((E) => Math.exp(-E / step.temperature));
  const { before, after } = step.log_partition;
  return { before: factors(energy.before), after: factors(energy.after), text: exact, digits: DIGITS, bars: false, total: ["sum Z", Math.exp(before), Math.exp(after)] };
}

/** @param {import("../page.js").Hover} hover @param {Row} row @param {Step} step @param {number} n */
function classOf(hover, { v, h }, step, n) {
  const lit = hover !== null && hover.v === v && (h === undefined || hover.h === undefined || hover.h === h);
  const first = h !== undefined && n > 0 && n % step.hidden.states.length === 0;
  return `${lit ? "lit" : ""}${v === step.target ? " of-target" : ""}${first ? " first" : ""}`;
}
