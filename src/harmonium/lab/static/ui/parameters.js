/** The parameters of a machine, laid out as a table: weights inside, biases at the edges. */
import { DIGITS, html, indexed, useId, usePage } from "../page.js";

/** A parameter's name: w\u2081\u2082, a\u2081, b\u2082. @param {Place} place */
export function nameOf([letter, i, j]) {
  return letter === "w" ? indexed("w", i + 1, j + 1) : indexed(letter, i + 1);
}

/** What tests call its cell. @param {Place} place */
export function testOf([letter, i, j]) {
  return letter === "w" ? `w-${i}-${j}` : `${letter}-${i}`;
}

/** Undefined where the machine has no such parameter. */
export function valueAt(/** @type {Machine} */ values, /** @type {Place} */ [letter, i, j]) {
  return letter === "w" ? values.weights[i]?.[j] : values[letter][i];
}

/** How many digits fit into a table of so many columns. */
export function digitsFor(/** @type {number} */ columns) {
  return columns <= 2 ? DIGITS : columns === 3 ? 6 : 4;
}

/** `cell` makes a cell of each parameter; of the biases too if they have names for their column and their row. Further properties are the table's.
 * @param {{values: Machine, biases?: [string, string], cell: (place: Place) => any, caption?: string} & Record<string, any>} props */
export function Parameters({ values: { a, b }, biases, cell, caption, ...table }) {
  return html`<table ...${table}>${caption && html`<caption class="hidden">${caption}</caption>`}
    <thead><tr><td></td>${b.map((_, j) => html`<th scope="col">${indexed("h", j + 1)}</th>`)}${biases && html`<th scope="col" class="bias">${biases[0]}</th>`}</tr></thead>
    <tbody>${a.map((_, i) => html`<tr><th scope="row">${indexed("v", i + 1)}</th>${b.map((_, j) => cell(["w", i, j]))}${biases && cell(["a", i, 0])}</tr>`)}
      ${biases && html`<tr class="bias"><th scope="row">${biases[1]}</th>${b.map((_, j) => cell(["b", j, 0]))}<td></td></tr>`}</tbody>
  </table>`;
}

/** A number for each parameter that learns, under a name.
 * @param {{caption: any, aside?: any, values: Machine, biases: boolean, cell: (place: Place, value: number) => any, test: string}} props */
export function Grid({ caption, aside, values, biases, cell, test }) {
  const { setHover } = usePage();
  const id = useId();
  const one = (/** @type {Place} */ place) => {
    const [letter, i, j] = place;
    return html`<td class=${letter === "w" ? "num" : "num bias"} data-test=${`${test}-${testOf(place)}`}
      onPointerEnter=${() => setHover(letter === "w" ? { edge: [i, j] } : { unit: [letter === "a" ? "v" : "h", i] })}>${cell(place, valueAt(values, place))}</td>`;
  };
  // The caption stands outside the table: inside, a long one would pull the columns apart.
  return html`<div class=${values.b.length + Number(biases) > 4 ? "grid many" : "grid"} onPointerLeave=${() => setHover(null)}><p class="grid-name" id=${id}>${caption}${aside && html` <span class="soft">${aside}</span>`}</p>
    <${Parameters} values=${values} biases=${biases && ["a", "b"]} cell=${one} aria-labelledby=${id} /></div>`;
}
