/** What this chapter is about at the moment. */
import { LIMITS, useEffect, usePage, useState } from "../ui.js";

const REST_MS = 120;

/** The target, what learns and how fast. */
export function useGiven() {
  const { state, setting, changeSetting } = usePage();
  const biases = setting("gradient", "parts", "weights") === "all";
  const found = Number(setting("gradient", "rate", 0.1));
  return {
    parts: biases ? "all" : "weights",
    biases,
    rate: found >= 0.0001 && found <= 100 ? found : 0.1,
    target: state.target.join(""),
    change: (/** @type {Record<string, any>} */ values) => changeSetting("gradient", values),
  };
}

/** A value once it has rested: what is costly to compute waits until the hand stops. @template T @param {T} value @param {any[]} deps @returns {T} */
export function useRested(value, deps) {
  const [rested, setRested] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setRested(() => value), REST_MS);
    return () => clearTimeout(timer);
  }, deps);
  return rested;
}

/** The number of a draw, as a link may bring anything. @param {any} found */
export const drawOf = (found) => (Number.isInteger(found) && found >= 0 && found < LIMITS.seed ? found % 2 ** 32 : 0);
