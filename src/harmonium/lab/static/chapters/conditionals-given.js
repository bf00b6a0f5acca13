/** What this chapter is about at the moment: the vector v, the row chosen, and numbers as its texts. */
import { DIGITS, fixed, indexed, probability } from "../format.js";
import { usePage } from "../page.js";

/** The chapter's choices. A row that does not fit the machine gives way to the first. */
export function useConditionals() {
  const { state, change, setting, changeSetting } = usePage();
  const H = state.machine.b.length;
  const found = setting("conditionals", "row", "");
  return {
    v: state.target,
    setV: (/** @type {number[]} */ target) => change({ target }, { merge: "target" }),
    row: typeof found === "string" && found.length === H && /^[01]+$/.test(found) ? found : "0".repeat(H),
    choose: (/** @type {{row: string}} */ values) => changeSetting("conditionals", values),
  };
}

/** The names of the visible units. @param {number[]} v */
export const namesOf = (v) => v.map((_, i) => indexed("v", i + 1));

/** A probability to nine digits, or its power of e where it is too small to be held.
 * @param {number} p @param {number} log @param {number} [digits] */
export function chance(p, log, digits = DIGITS) {
  return p === 0 && Number.isFinite(log) ? `e^${fixed(log, 4)}` : probability(p, digits);
}

/** A probability of which no logarithm is at hand. @param {number} p */
export function held(p) {
  return p === 0 ? "< 1e\u2212300" : probability(p);
}

/** A difference that may be nothing but rounding. @param {number} x */
export function difference(x) {
  return x === 0 ? "0" : x.toExponential(1).replaceAll("-", "\u2212").replace("+", "");
}
