/** What every question of this chapter tells the library, and the parameters of a machine as a small table. */
import { useEffect, useId, useState } from "preact/hooks";
import { html } from "../html.js";
import { DIGITS, indexed } from "../format.js";
import { usePage } from "../page.js";

/** @typedef {{weights: number[][], a: number[], b: number[]}} Parameters */
/** @typedef {["w" | "a" | "b", number, number]} Place letter, and indices from 0; a bias has one index only */
/** @typedef {{before: number, after: number}} Twice */
/** @typedef {{target: string, rate: number, temperature: number, biases: boolean, machine: Parameters, after: Parameters, allowed: boolean,
 *   positive: Parameters, negative: Parameters, delta: Parameters, hidden: {states: string[], given_target: number[]},
 *   visible: {states: string[], before: number[], after: number[]},
 *   rows: {energy: {before: number[], after: number[]}, probability: {before: number[], after: number[]}},
 *   log_partition: Twice, log_probability: Twice, probability: Twice, gap: {target: number, even: number, model: number}}} Step */

const REST_MS = 120;

/** The machine, the target, what learns and how fast; `deps` change when one of them does. */
export function useGiven() {
  const { state, setting, changeSetting, machineParams } = usePage();
  const parts = /** @type {"weights" | "all"} */ (setting("uphill", "parts", "weights") === "all" ? "all" : "weights");
  const found = Number(setting("uphill", "rate", 0.1));
  const rate = found >= 0.0001 && found <= 100 ? found : 0.1;
  const target = state.target.join("");
  return {
    parts,
    rate,
    target,
    params: { ...machineParams(), target, parts, rate, seed: state.seed },
    deps: [state.machine, state.temperature, target, parts, rate, state.seed],
    change: (/** @type {Record<string, any>} */ values) => changeSetting("uphill", values),
  };
}

/** A value once it has rested: what is costly to ask or to draw waits until the hand stops. @template T @param {T} value @param {any[]} deps @returns {T} */
export function useRested(value, deps) {
  const [rested, setRested] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setRested(() => value), REST_MS);
    return () => clearTimeout(timer);
  }, deps);
  return rested;
}

/** A parameter's name: w\u2081\u2082, a\u2081, b\u2082. @param {Place} place */
export function nameOf([letter, i, j]) {
  return letter === "w" ? indexed("w", i + 1, j + 1) : indexed(letter, i + 1);
}

/** @param {Parameters} values @param {Place} place */
export function at(values, [letter, i, j]) {
  return letter === "w" ? values.weights[i][j] : values[letter][i];
}

/** How many digits fit into a table of so many columns. @param {Parameters} values @param {boolean} biases */
export function digitsFor(values, biases) {
  const columns = values.b.length + (biases ? 1 : 0);
  return columns <= 2 ? DIGITS : columns === 3 ? 6 : 4;
}

/** A value per weight, and per bias where the biases learn, laid out as the weights are.
 * @param {{caption: any, values: Parameters, biases: boolean, cell: (place: Place, value: number) => any, test?: string, aside?: any}} props */
export function Grid({ caption, values, biases, cell, test, aside }) {
  const { setHover } = usePage();
  const id = useId();
  const one = (/** @type {Place} */ place) =>
    html`<td onPointerEnter=${() => setHover(place[0] === "w" ? { edge: [place[1], place[2]] } : { unit: [place[0] === "a" ? "v" : "h", place[1]] })}
      class=${place[0] === "w" ? "num" : "num bias"} data-test=${test && `${test}-${place[0]}-${place[1]}${place[0] === "w" ? `-${place[2]}` : ""}`}>${cell(place, at(values, place))}</td>`;
  // The caption stands outside the table: inside, a long one would pull the columns apart.
  return html`<div class=${values.b.length + (biases ? 1 : 0) > 4 ? "grid many" : "grid"} onPointerLeave=${() => setHover(null)}><p class="grid-name" id=${id}>${caption}${aside && html` <span class="soft">${aside}</span>`}</p>
    <table aria-labelledby=${id}>
    <thead><tr><td></td>${values.b.map((_, j) => html`<th scope="col">${indexed("h", j + 1)}</th>`)}${biases && html`<th scope="col" class="bias">a</th>`}</tr></thead>
    <tbody>
      ${values.a.map((_, i) => html`<tr><th scope="row">${indexed("v", i + 1)}</th>
        ${values.b.map((_, j) => one(["w", i, j]))}${biases && one(["a", i, 0])}</tr>`)}
      ${biases && html`<tr class="bias"><th scope="row">b</th>${values.b.map((_, j) => one(["b", j, 0]))}<td></td></tr>`}
    </tbody></table>
  </div>`;
}
