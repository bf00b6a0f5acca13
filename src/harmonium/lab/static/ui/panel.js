/** The machine beside every chapter: its drawing, its numbers, its temperature. */
import { filled, html, lecture, LIMITS, resized, twoModes, usePage, useRef, useState } from "../page.js";
import { Num, Slider } from "./controls.js";
import { Network } from "./network.js";
import { nameOf, Parameters, testOf, valueAt } from "./parameters.js";

const USUAL = 5;
const EXAMPLES = /** @type {const} */ ([["the lecture's machine", "lecture"], ["two modes", "modes"], ["random weights", "random"]]);

export function Panel() {
  const { state, change } = usePage();
  const { a, b } = state.machine;
  const [chosen, setChosen] = useState(/** @type {Place | null} */ (null));
  const here = /** @type {Place} */ (chosen && valueAt(state.machine, chosen) !== undefined ? chosen : ["w", 0, 0]);
  const set = (/** @type {Place} */ [letter, i, j], /** @type {number} */ x) => {
    const machine = structuredClone(state.machine);
    if (letter === "w") machine.weights[i][j] = x;
    else machine[letter][i] = x;
    change({ machine }, { merge: `${letter}${i},${j}` });
  };
  const field = (/** @type {Place} */ place) => {
    const x = valueAt(state.machine, place);
    return html`<td class=${place[0] !== "w" ? "bias" : x < 0 ? "minus" : x > 0 ? "plus" : ""}><${Num} label=${nameOf(place)} hideLabel value=${x} least=${-LIMITS.parameter} most=${LIMITS.parameter} digits=${3}
      onChange=${(/** @type {number} */ next) => set(place, next)} onFocus=${() => setChosen(place)} test=${testOf(place)} /></td>`;
  };
  const value = valueAt(state.machine, here);
  // The slider covers the usual weights, or all of them once its parameter has gone beyond.
  const wide = useRef("");
  if (Math.abs(value) > USUAL) wide.current = nameOf(here);
  const reach = wide.current === nameOf(here) ? LIMITS.parameter : USUAL;
  return html`<section class="card panel" aria-label="The machine">
    <div class="panel-head">
      <h2>The machine</h2>
      <span class="sizes">
        <${Size} label="visible units" value=${a.length} onChange=${(/** @type {number} */ V) => change(resized(state, V, b.length))} test="size-v" />
        <span aria-hidden="true">\u00d7</span>
        <${Size} label="hidden units" value=${b.length} onChange=${(/** @type {number} */ H) => change(resized(state, a.length, H))} test="size-h" />
      </span>
    </div>
    <${Network} chosen=${chosen} onSelect=${setChosen} onWeight=${set} />
    <p class="soft hint">Drag an edge to change its weight. Press a unit to hold it at 1, again for 0, again to free it.</p>
    <div class="scroll"><${Parameters} class=${b.length > 4 ? "parameters narrow" : "parameters"} caption="Weights and biases" values=${state.machine} biases=${["bias a", "bias b"]} cell=${field} /></div>
    <div class="sliders">
      <span class="name" data-test="chosen">${nameOf(here)}</span>
      <${Slider} label=${`${nameOf(here)}, by slider`} value=${value} least=${-LIMITS.parameter} most=${LIMITS.parameter} reach=${reach} step=${0.05} onChange=${(/** @type {number} */ x) => set(here, x)} test="chosen-value" />
      <span class="name"><span class="word">temperature</span> T</span>
      <${Slider} label="temperature T" value=${state.temperature} least=${LIMITS.coldest} most=${LIMITS.hottest} step=${0.1} log
        onChange=${(/** @type {number} */ x) => change({ temperature: x }, { merge: "T" })} test="temperature" />
    </div>
    <p class="examples"><span class="soft">Examples:</span>
      ${EXAMPLES.map(([text, which]) => html` <button type="button" class="link" data-test=${`example-${which}`} onClick=${() => change(example(which, a.length, b.length))}>${text}</button>`)}
    </p>
  </section>`;
}

function Size(/** @type {{label: string, value: number, onChange: (n: number) => void, test: string}} */ { label, value, onChange, test }) {
  return html`<select aria-label=${`number of ${label}`} value=${value} data-test=${test} onChange=${(/** @type {any} */ e) => onChange(Number(e.target.value))}>
    ${Array.from({ length: LIMITS.units }, (_, n) => html`<option value=${n + 1} selected=${n + 1 === value}>${n + 1}</option>`)}
  </select>`;
}

/** The machine that an example gives one of so many units. @returns {Partial<State>} */
function example(/** @type {"lecture" | "modes" | "random"} */ which, /** @type {number} */ V, /** @type {number} */ H) {
  if (which === "lecture") return lecture();
  if (which === "modes") return twoModes(-4, 1);
  const some = (/** @type {number} */ scale) => Math.round((Math.random() * 2 - 1) * scale * 10) / 10;
  const biases = (/** @type {number} */ n) => Array.from({ length: n }, () => some(1));
  return { machine: { weights: filled(V, H, 0).map((row) => row.map(() => some(2))), a: biases(V), b: biases(H) } };
}
