/** The weight that the derivation follows, chosen from a small table of buttons. */
import { digitsFor, html, nameOf, Parameters, signed, usePage } from "../ui.js";

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

/** Without `values` the buttons carry the weights' names. @param {{values?: number[][], test: string}} props */
export function Pairs({ values, test }) {
  const { state, setHover } = usePage();
  const { pair, choose } = useDerivation();
  const digits = digitsFor(state.machine.b.length);
  const cell = (/** @type {Place} */ place) => {
    const [, i, j] = place;
    const chosen = pair[0] === i && pair[1] === j;
    const step = values && signed(values[i][j], digits);
    const point = () => setHover({ edge: [i, j] });
    return html`<td><button type="button" class=${chosen ? "on" : ""} aria-pressed=${String(chosen)} aria-label=${step ? `${nameOf(place)}: ${step}` : nameOf(place)} data-test=${`${test}-${i}-${j}`}
      onClick=${() => choose({ pair: [i, j] })} onPointerEnter=${point} onFocus=${point} onBlur=${() => setHover(null)}>${step ?? nameOf(place)}</button></td>`;
  };
  return html`<${Parameters} class=${values ? "pairs valued" : "pairs"} onPointerLeave=${() => setHover(null)} data-test=${test} values=${state.machine} cell=${cell}
    caption=${values ? "The step of every weight. Click one to follow it" : "Choose a weight"} />`;
}
