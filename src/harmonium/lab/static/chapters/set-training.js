/** The course of a training: begun anew by every change of its settings but the rate. */
import { useEffect, useMemo } from "preact/hooks";
import { checkRate, MAX_UPDATES, METHODS, reportOf, startTraining, train } from "../answers/set.js";
import { useCarried } from "../ui/carried.js";

/** @typedef {import("../answers/set.js").Method} Method */
/** @typedef {import("../answers/set.js").Run} Run */
/** @typedef {import("../answers/set.js").Training} Training */

const PICTURE_MS = 60;
const PIECE = 5;
/** Smaller falls are the noise of few chains (nats). */
const NOTABLE = 0.3;

/** @param {import("../answers/set.js").Settings} settings @param {number} pace updates at each picture while it plays */
export function useTraining(settings, pace) {
  const { learn, hidden, rate, scale, chains, seed } = settings;
  const first = useMemo(() => attempt(() => startTraining(settings)), [learn, hidden, scale, chains, seed]);
  const { error } = attempt(() => checkRate(rate));
  /** Nothing goes on where the settings are refused. */
  const advance = (/** @type {any} */ now, /** @type {number} */ updates) => (now && !error ? train(now, rate, updates) : (now ?? first.found));
  const carried = useCarried(first, /** @type {(now: Training | null, what: number) => any} */ (advance), { piece: PIECE, amount: pace, every: PICTURE_MS });
  const { now, playing, play } = carried;
  const run = useMemo(() => now && reportOf(now), [now]);
  const ended = run !== null && (run.state.update >= MAX_UPDATES || METHODS.every((method) => run.state.stopped[method]));
  useEffect(() => {
    if (playing && (ended || error)) play(false);
  }, [playing, ended, error]);
  const limit = run && run.state.update >= MAX_UPDATES ? "50,000 updates are the limit of this page. Start again with another seed or rate" : "";
  return { ...carried, run, error: first.error || error || limit };
}

/** @template T @param {() => T} make @returns {{found: T | null, error: string}} */
function attempt(make) {
  try {
    return { found: make(), error: "" };
  } catch (refused) {
    return { found: null, error: /** @type {Error} */ (refused).message };
  }
}

/** Who once had a higher likelihood than now, although more pixels were wrong then.
 * @param {Run} run @returns {{method: Method, update: number, then: number, now: number, wrongThen: number, wrongNow: number}[]} */
export function fallen({ record, now }) {
  return METHODS.flatMap((method) => {
    const likelihoods = record[method].log_likelihood.map((x) => x ?? -Infinity);
    const best = likelihoods.indexOf(Math.max(...likelihoods));
    const found = {
      method,
      update: record.update[best],
      then: likelihoods[best],
      now: now[method].log_likelihood,
      wrongThen: record[method].wrong_pixels[best] ?? 0,
      wrongNow: now[method].wrong_pixels,
    };
    return found.now < found.then - NOTABLE && found.wrongNow < found.wrongThen ? [found] : [];
  });
}
