/** What the chapter is about at the moment: the machine's distribution, the start and the seed. */
import { useMemo } from "preact/hooks";
import { distributionOf } from "../answers/chain.js";
import { usePage } from "../page.js";

/** @typedef {import("../answers/chain.js").Experiment} Experiment */

/** Where chains start, from the URL or all off. */
export function useStart() {
  const { state, setting, changeSetting } = usePage();
  const V = state.machine.a.length;
  const asked = String(setting("chain", "start", ""));
  const start = new RegExp(`^[01]{${V}}$`).test(asked) ? asked : "0".repeat(V);
  return { start, setStart: (/** @type {string} */ bits) => changeSetting("chain", { start: bits }) };
}

/** What tells one experiment from another. @returns {Experiment} */
export function useExperiment() {
  const { state, tables } = usePage();
  const { start } = useStart();
  const distribution = useMemo(() => distributionOf(tables), [tables]);
  return useMemo(() => ({ distribution, seed: state.seed, start }), [distribution, state.seed, start]);
}
