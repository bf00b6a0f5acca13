/** The machine beside every chapter: its drawing, its numbers, its temperature. */
import { useRef, useState } from "preact/hooks";
import { html } from "../html.js";
import { indexed, plain } from "../format.js";
import { usePage } from "../page.js";
import { filled, initialState, LIMITS, resized } from "../state.js";
import { Num, Slider } from "./controls.js";
import { Network } from "./network.js";

/** @typedef {["w", number, number] | ["a" | "b", number, 0]} Chosen */

const USUAL = 5;
const EXAMPLES = /** @type {const} */ ([
  ["the lecture's machine", "lecture"],
  ["two modes", "modes"],
  ["random weights", "random"],
]);

export function Panel() {
  const { state, change } = usePage();
  const { weights, a, b } = state.machine;
  const [chosen, setChosen] = useState(/** @type {Chosen} */ (["w", 0, 0]));
  const here = fits(chosen, a.length, b.length) ? chosen : /** @type {Chosen} */ (["w", 0, 0]);
  /** @param {Chosen} which @param {number} x */
  const set = ([letter, i, j], x) => {
    const machine = structuredClone(state.machine);
    if (letter === "w") machine.weights[i][j] = x;
    else machine[letter][i] = x;
    change({ machine }, { merge: `${letter}${i},${j}` });
  };
  const field = (/** @type {Chosen} */ which, /** @type {number} */ value) =>
    html`<${Num} label=${nameOf(which)} hideLabel value=${value} least=${-LIMITS.parameter} most=${LIMITS.parameter} digits=${3}
      onChange=${(/** @type {number} */ x) => set(which, x)} onFocus=${() => setChosen(which)} test=${`${which[0]}-${which[1]}${which[0] === "w" ? `-${which[2]}` : ""}`} />`;
  const value = here[0] === "w" ? weights[here[1]][here[2]] : state.machine[here[0]][here[1]];
  // The slider covers the usual weights, or all of them once its parameter has gone beyond.
  const wide = useRef("");
  if (Math.abs(value) > USUAL || wide.current !== nameOf(here)) wide.current = Math.abs(value) > USUAL ? nameOf(here) : "";
  const reach = wide.current ? LIMITS.parameter : USUAL;
  const size = (/** @type {"V" | "H"} */ which, /** @type {number} */ n) =>
    change(resized(state, which === "V" ? n : a.length, which === "H" ? n : b.length));
  return html`<section class="card panel" aria-label="The machine">
    <div class="panel-head">
      <h2>The machine</h2>
      <span class="sizes">
        <${Size} label="visible units" value=${a.length} onChange=${(/** @type {number} */ n) => size("V", n)} test="size-v" />
        <span aria-hidden="true">\u00d7</span>
        <${Size} label="hidden units" value=${b.length} onChange=${(/** @type {number} */ n) => size("H", n)} test="size-h" />
      </span>
    </div>
    <${Network} chosen=${here[0] === "w" ? [here[1], here[2]] : null} onSelect=${(/** @type {[number, number]} */ [i, j]) => setChosen(["w", i, j])} />
    <p class="soft hint">Drag an edge to change its weight. Press a unit to hold it at 1, again for 0, again to free it.</p>
    <div class="scroll"><table class=${b.length > 4 ? "parameters narrow" : "parameters"}>
      <caption class="hidden">Weights and biases</caption>
      <thead><tr><td></td>${b.map((_, j) => html`<th scope="col">${indexed("h", j + 1)}</th>`)}<th scope="col" class="bias">bias a</th></tr></thead>
      <tbody>
        ${weights.map(
          (row, i) => html`<tr><th scope="row">${indexed("v", i + 1)}</th>
            ${row.map((w, j) => html`<td class=${w < 0 ? "minus" : w > 0 ? "plus" : ""}>${field(["w", i, j], w)}</td>`)}
            <td class="bias">${field(["a", i, 0], a[i])}</td></tr>`,
        )}
        <tr class="bias"><th scope="row">bias b</th>${b.map((x, j) => html`<td>${field(["b", j, 0], x)}</td>`)}<td></td></tr>
      </tbody>
    </table></div>
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

/** @param {{label: string, value: number, onChange: (n: number) => void, test: string}} props */
function Size({ label, value, onChange, test }) {
  return html`<select aria-label=${`number of ${label}`} value=${value} data-test=${test} onChange=${(/** @type {any} */ e) => onChange(Number(e.target.value))}>
    ${Array.from({ length: LIMITS.units }, (_, n) => html`<option value=${n + 1} selected=${n + 1 === value}>${n + 1}</option>`)}
  </select>`;
}

/** @param {Chosen} chosen @param {number} V @param {number} H */
function fits([letter, i, j], V, H) {
  return letter === "w" ? i < V && j < H : i < (letter === "a" ? V : H);
}

/** @param {Chosen} chosen */
function nameOf([letter, i, j]) {
  return letter === "w" ? indexed("w", i + 1, j + 1) : indexed(letter, i + 1);
}

/** A machine worth looking at. @param {"lecture" | "modes" | "random"} which @param {number} V @param {number} H
 * @returns {Partial<import("../state.js").State>} */
function example(which, V, H) {
  const { machine, temperature, target, clamp } = initialState();
  if (which === "lecture") return { machine, temperature, target, clamp };
  if (which === "modes") {
    // Each mode has all units of both layers alike; the biases make both equally likely.
    const units = 4;
    const two = { weights: filled(units, units, 2), a: Array(units).fill(-4), b: Array(units).fill(-4) };
    return { machine: two, temperature: 1, target: Array(units).fill(1), clamp: { v: Array(units).fill(null), h: Array(units).fill(null) } };
  }
  const some = (/** @type {number} */ scale) => Math.round((Math.random() * 2 - 1) * scale * 10) / 10;
  return { machine: { weights: filled(V, H, 0).map((row) => row.map(() => some(2))), a: Array.from({ length: V }, () => some(1)), b: Array.from({ length: H }, () => some(1)) } };
}
