/** The step itself: its rate, the target's probability before and after, and ln p along repeated steps. */
import { useRef, useState } from "preact/hooks";
import { climb } from "../answers/gradient.js";
import { html } from "../html.js";
import { DIGITS, plain, probability, signed } from "../format.js";
import { usePage } from "../page.js";
import { Button, Choice, Error, Num } from "../ui/controls.js";
import { Curve } from "../ui/curve.js";
import { useGiven } from "./gradient-given.js";

const RATES = [0.01, 0.1, 1, 10];
const LEARNED = 0.9;
/** What the lecture prints for its own machine, target 01, weights only. */
const PRINTED = { before: "0.22022505", tenth: "0.230677826", one: "0.332961042" };

/** @typedef {{machine: import("../state.js").Machine, values: number[]}} Point after which machine, and ln p(target) up to there */

/** @param {{step: import("../answers/gradient.js").Step}} props */
export function TheStep({ step }) {
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
    ${isLecture(state, given.parts) &&
    html`<p class="soft" data-test="printed">The lecture, by hand and with the weights only: ${PRINTED.before} becomes
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

/** ln p(target) along the steps taken. It follows undo, and begins anew where something else has changed the machine.
 * @param {string} target @param {string} parts */
function useWay(target, parts) {
  const { state } = usePage();
  const way = useRef({ key: "", values: /** @type {number[]} */ ([]), machines: /** @type {Map<import("../state.js").Machine, number>} */ (new Map()) });
  const key = `${target} ${parts} ${state.temperature}`;
  if (way.current.key !== key) way.current = { key, values: [], machines: new Map() };
  const here = way.current.machines.get(state.machine);
  /** @param {import("../state.js").Machine} from @param {import("../state.js").Machine} to @param {number[]} found */
  const follow = (from, to, found) => {
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

/** @param {import("../state.js").State} state @param {string} parts */
function isLecture({ machine, temperature, target }, parts) {
  return parts === "weights" && temperature === 1 && target.join("") === "01" && machine.weights.length === 2 && machine.weights.every((row) => row.length === 2 && row.every((w) => w === 0.5)) &&
    [...machine.a, ...machine.b].every((x) => x === 0);
}
