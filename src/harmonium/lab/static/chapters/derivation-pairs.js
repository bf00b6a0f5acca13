/** The weight that the derivation follows, chosen from a small table of buttons. */
import { html } from "../html.js";
import { DIGITS, indexed, signed } from "../format.js";
import { usePage } from "../page.js";

export const RATES = [0.01, 0.1, 1];

/** The chapter's choices. What a link brings that does not fit the machine gives way to the first choice. */
export function useDerivation() {
  const { state, setting, changeSetting } = usePage();
  const [V, H] = [state.machine.a.length, state.machine.b.length];
  const pair = setting("derivation", "pair", null);
  const fits = Array.isArray(pair) && pair.length === 2 && [V, H].every((n, k) => Number.isInteger(pair[k]) && pair[k] >= 0 && pair[k] < n);
  const lines = Number(setting("derivation", "lines", 1));
  return {
    // The first unit that the lecture's target has on.
    pair: /** @type {[number, number]} */ (fits ? pair : [Math.min(1, V - 1), 0]),
    lines: Number.isInteger(lines) && lines >= 1 ? lines : 1,
    rate: setting("derivation", "rate", 0.1, RATES),
    choose: (/** @type {{pair?: [number, number], lines?: number, rate?: number}} */ values) => changeSetting("derivation", values),
  };
}

/** Without `values` the buttons carry the weights' names.
 * @param {{values?: number[][], test: string}} props */
export function Pairs({ values, test }) {
  const { state, setHover } = usePage();
  const { pair, choose } = useDerivation();
  const { weights } = state.machine;
  const digits = weights[0].length <= 2 ? DIGITS : weights[0].length === 3 ? 6 : 4;
  return html`<table class=${values ? "pairs valued" : "pairs"} onPointerLeave=${() => setHover(null)} data-test=${test}>
    <caption class="hidden">${values ? "The step of every weight. Click one to follow it" : "Choose a weight"}</caption>
    <thead><tr><td></td>${weights[0].map((_, j) => html`<th scope="col">${indexed("h", j + 1)}</th>`)}</tr></thead>
    <tbody>${weights.map((row, i) => html`<tr><th scope="row">${indexed("v", i + 1)}</th>${row.map((_, j) => {
      const chosen = pair[0] === i && pair[1] === j;
      const name = indexed("w", i + 1, j + 1);
      return html`<td><button type="button" class=${chosen ? "on" : ""} aria-pressed=${String(chosen)} aria-label=${values ? `${name}: ${signed(values[i][j], digits)}` : name} data-test=${`${test}-${i}-${j}`}
        onClick=${() => choose({ pair: [i, j] })} onPointerEnter=${() => setHover({ edge: [i, j] })} onFocus=${() => setHover({ edge: [i, j] })} onBlur=${() => setHover(null)}>${values ? signed(values[i][j], digits) : name}</button></td>`;
    })}</tr>`)}</tbody></table>`;
}
