/** The step itself: its rate, the target's probability before and after, ln p along repeated steps, and the table before and after. */
import { Bar, Button, Choice, Curve, decimals, DIGITS, Error, exact, fixed, Formula, html, Num, plain, probability, signed, usePage, useRef, useState } from "../ui.js";
import { climb } from "../answers/gradient.js";
import { useGiven } from "./gradient-given.js";

const RATES = [0.01, 0.1, 1, 10];
const LEARNED = 0.9;
/** What the lecture prints for its own machine, target 01, weights only. */
const PRINTED = { before: "0.22022505", tenth: "0.230677826", one: "0.332961042" };

export function TheStep(/** @type {{step: Step}} */ { step }) {
  const { state, change, current } = usePage();
  const given = useGiven();
  const [said, setSaid] = useState({ now: "", stopped: "" });
  const { values, follow } = useWay(given.target, given.parts);
  // From where the step before it led, even if that is not drawn yet.
  const take = (/** @type {number} */ steps) => {
    const { machine, temperature, target } = current();
    const found = climb(machine, temperature, target, given.biases, given.rate, steps);
    if (found.taken > 0) {
      follow(machine, found.machine, found.log_probability);
      change({ machine: found.machine });
    }
    setSaid({
      now: `p(v = ${given.target}) is now ${probability(Math.exp(found.log_probability[found.taken]), 6)}.`,
      stopped: found.stopped ? `Taken: ${found.taken} of ${steps}. The next step would take a parameter beyond \u00b120, the limit of this page. A smaller rate can continue.` : "",
    });
  };
  const p = step.probability;
  return html`<section class="card step"><h3>One step</h3>
    <div class="settings">
      <span class="rate"><${Choice} label="rate \u03b7" value=${given.rate} options=${RATES.map((x) => [x, plain(x)])} onChange=${(/** @type {number} */ rate) => given.change({ rate })} test="rates" />
        <${Num} label="rate \u03b7, typed" hideLabel value=${given.rate} least=${0.0001} most=${100} step=${0.1} digits=${4} onChange=${(/** @type {number} */ rate) => given.change({ rate })} test="rate" /></span>
      <${Choice} label="what learns" value=${given.parts} options=${[["weights", "weights only"], ["all", "weights and biases"]]} onChange=${(/** @type {string} */ parts) => given.change({ parts })} test="parts" />
    </div>
    <div class="figures">
      <div><span class="soft">p(v = ${step.target}), before</span><span class="big num" data-test="p-before">${probability(p.before)}</span></div>
      <span class="arrow" aria-hidden="true">\u2192</span>
      <div><span class="soft">after the step</span><span class="big num" data-test="p-after">${probability(p.after)}</span></div>
      <div class="gain"><span class="soft">gained</span><span class=${`num ${p.after < p.before ? "minus" : "plus"}`} data-test="p-gain">${signed(p.after - p.before, DIGITS)}</span></div>
    </div>
    ${given.parts === "weights" && isLecture(state) && html`<p class="soft" data-test="printed">The lecture, by hand and with the weights only: ${PRINTED.before} becomes
      ${" "}<button type="button" class="link num" onClick=${() => given.change({ rate: 0.1 })}>${PRINTED.tenth} with \u03b7 = 0.1</button> and
      ${" "}<button type="button" class="link num" onClick=${() => given.change({ rate: 1 })}>${PRINTED.one} with \u03b7 = 1</button>.</p>`}
    ${p.after < p.before && html`<p class="soft">This step is too long: it overshoots the maximum. The gradient holds only for small steps.</p>`}
    <div class="buttons">
      <${Button} primary onClick=${() => take(1)} disabled=${!step.allowed} test="take">take the step<//>
      <${Button} onClick=${() => take(10)} disabled=${!step.allowed} test="repeat-10">repeat 10<//>
      <${Button} onClick=${() => take(100)} disabled=${!step.allowed} test="repeat-100">repeat 100<//>
      <span class="soft">A step changes the machine in the panel; undo takes it back.</span>
    </div>
    ${!step.allowed && html`<${Error}>This step would take a parameter beyond \u00b120, the limit of this page. Choose a smaller rate.<//>`}
    <p class="hidden" role="status">${said.now}</p>
    ${said.stopped && step.allowed && html`<p class="soft" role="status">${said.stopped}</p>`}
    ${values.length > 1 &&
    html`<${Curve} series=${[{ label: `ln p(${step.target})`, values }]} x=${values.map((_, n) => n)} xLabel="steps taken" yLabel=${`ln p(${step.target})`} height=${170} test="way" />`}
    ${p.before >= LEARNED && html`<p data-test="learned"><strong>Learned.</strong> Running freely, the machine now shows ${step.target} in ${(100 * p.before).toFixed(1)}% of cases.
      The steps have become short: A and B are nearly equal.</p>`}
  </section>`;
}

/** ln p(target) along the steps taken. It follows undo, and begins anew where something else has changed the machine. */
function useWay(/** @type {string} */ target, /** @type {string} */ parts) {
  const { state } = usePage();
  const way = useRef({ key: "", values: /** @type {number[]} */ ([]), machines: /** @type {Map<Machine, number>} */ (new Map()) });
  const key = `${target} ${parts} ${state.temperature}`;
  if (way.current.key !== key) way.current = { key, values: [], machines: new Map() };
  const here = way.current.machines.get(state.machine);
  const follow = (/** @type {Machine} */ from, /** @type {Machine} */ to, /** @type {number[]} */ found) => {
    const { values, machines } = way.current;
    const start = machines.get(from);
    if (start === undefined) {
      way.current = { key, values: found, machines: new Map([[from, 0], [to, found.length - 1]]) };
      return;
    }
    // What was undone before this step is no part of the way any more.
    for (const [machine, place] of machines) if (place > start) machines.delete(machine);
    way.current.values = [...values.slice(0, start), ...found];
    machines.set(to, start + found.length - 1);
  };
  return { values: here === undefined ? [] : way.current.values.slice(0, here + 1), follow };
}

/** Is this what the lecture computes by hand? */
const isLecture = (/** @type {State} */ { machine: { weights, a, b }, temperature, target }) => JSON.stringify([weights, a, b, temperature, target]) === "[[[0.5,0.5],[0.5,0.5]],[0,0],[0,0],1,[0,1]]";

const QUANTITIES = /** @type {const} */ ([["visible", "p(v)"], ["energy", "E"], ["factor", "e^(\u2212E/T)"], ["joint", "p(v, h)"]]);

export function BeforeAndAfter(/** @type {{step: Step}} */ { step }) {
  const { setting, changeSetting, hover, setHover } = usePage();
  const which = setting("gradient", "rows", "visible", QUANTITIES.map(([id]) => id));
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

function classOf(/** @type {Hover} */ hover, /** @type {Row} */ { v, h }, /** @type {Step} */ step, /** @type {number} */ n) {
  const lit = hover !== null && hover.v === v && (h === undefined || hover.h === undefined || hover.h === h);
  const first = h !== undefined && n > 0 && n % step.hidden.states.length === 0;
  return `${lit ? "lit" : ""}${v === step.target ? " of-target" : ""}${first ? " first" : ""}`;
}
