/** The course of a training: the page keeps the three machines and the chains, and asks the library to take them further. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { usePage } from "../page.js";

/** @typedef {"exact" | "cd" | "pcd"} Method */
/** @typedef {"log_likelihood" | "divergence" | "wrong_pixels"} Field */
/** @typedef {{weights: number[][], a: number[], b: number[]}} Machine */
/** @typedef {{log_likelihood: number, divergence: number, wrong_pixels: number, flawless: number, probability: number[], others: number,
 *   strays: {bits: string, probability: number}[],
 *   drawn: number[] | null, drawn_others: number | null, stopped: string | null}} Now */
/** @typedef {{update: number[]} & Record<Method, Record<Field, (number | null)[]>>} Records */
/** @typedef {{update: number, machines: Record<Method, Machine>, chains: string[], stopped: Partial<Record<Method, number>>}} Course */
/** @typedef {{visible: number, columns: number, patterns: string[], heights: number[], target: number[], not_shown: number, entropy: number, best: number}} Target */
/** @typedef {{target: Target, state: Course, now: Record<Method, Now>, record: Records}} Run */

export const METHODS = /** @type {Method[]} */ (["exact", "cd", "pcd"]);
export const NAMES = { exact: "Exact gradient", cd: "CD-1", pcd: "PCD-1" };
const FIELDS = /** @type {Field[]} */ (["log_likelihood", "divergence", "wrong_pixels"]);
const PICTURE_MS = 60;
const CALM_MS = 600;
const MOST_AT_ONCE = 1000;

/** @param {import("./set-settings.js").Settings & {seed: number}} settings @param {number} pace updates at each picture while it plays */
export function useTraining(settings, pace) {
  const { ask } = usePage();
  const [run, setRun] = useState(/** @type {Run | null} */ (null));
  const [error, setError] = useState("");
  const [playing, setPlaying] = useState(false);
  // What was asked for an older start must not arrive in a newer one.
  const now = useRef({ start: 0, run: /** @type {Run | null} */ (null), busy: false, waiting: 0, settings });
  now.current.settings = settings;

  const put = (/** @type {Run} */ next) => {
    now.current.run = next;
    setRun(next);
  };

  const begin = useCallback(() => {
    const start = ++now.current.start;
    Object.assign(now.current, { run: null, busy: false, waiting: 0 });
    setPlaying(false);
    ask("set.start", now.current.settings, { latest: "set.start" }).then(
      ({ state, now: figures, record, ...target }) => {
        if (start !== now.current.start) return;
        setError("");
        put({ target, state, now: figures, record });
        goOn();
      },
      (/** @type {Error} */ refused) => start === now.current.start && setError(refused.message),
    );
  }, []);
  const { learn, hidden, rate, scale, chains, seed } = settings;
  useEffect(begin, [learn, hidden, scale, chains, seed]);
  useEffect(() => {
    // A new rate starts nothing anew, unless a bad one kept everything from starting.
    if (!now.current.run && error) begin();
  }, [rate]);

  const forward = useCallback(async (/** @type {number} */ updates) => {
    const { run: from, busy, start } = now.current;
    if (!from || busy) {
      // Pressed again before the answer: these updates come next.
      now.current.waiting = Math.min(MOST_AT_ONCE, now.current.waiting + updates);
      return;
    }
    now.current.busy = true;
    try {
      const answer = await ask("set.train", { ...now.current.settings, state: from.state, updates });
      if (start !== now.current.start) return;
      setError("");
      put({ target: from.target, state: answer.state, now: answer.now, record: joined(from.record, answer.record) });
      if (Object.keys(answer.state.stopped).length === METHODS.length) setPlaying(false);
    } catch (refused) {
      if (start !== now.current.start) return;
      setError(/** @type {Error} */ (refused).message);
      setPlaying(false);
      now.current.waiting = 0;
    } finally {
      if (start === now.current.start) now.current.busy = false;
    }
    if (start === now.current.start) goOn();
  }, []);
  const goOn = () => {
    const { waiting } = now.current;
    now.current.waiting = 0;
    if (waiting) forward(waiting);
  };

  useEffect(() => {
    if (!playing) return;
    let going = true;
    // Fewer, larger changes for those who ask for less motion.
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const [wait, updates] = calm ? [CALM_MS, pace * (CALM_MS / PICTURE_MS)] : [PICTURE_MS, pace];
    const loop = async () => {
      while (going) {
        await Promise.all([forward(updates), new Promise((done) => setTimeout(done, wait))]);
      }
    };
    loop();
    return () => {
      going = false;
    };
  }, [playing, pace]);

  return { run, error, playing, setPlaying, forward, begin };
}

/** @param {Records} before @param {Records} after @returns {Records} */
function joined(before, after) {
  const both = (/** @type {Method} */ m) => Object.fromEntries(FIELDS.map((f) => [f, [...before[m][f], ...after[m][f]]]));
  return /** @type {any} */ ({ update: [...before.update, ...after.update], ...Object.fromEntries(METHODS.map((m) => [m, both(m)])) });
}

/** The records with the present as their last point. @param {Run} run @returns {Records} */
export function upToNow({ record, state, now }) {
  if (record.update.at(-1) === state.update) return record;
  const last = (/** @type {Method} */ m) => Object.fromEntries(FIELDS.map((f) => [f, [now[m].stopped ? null : now[m][f]]]));
  return joined(record, /** @type {any} */ ({ update: [state.update], ...Object.fromEntries(METHODS.map((m) => [m, last(m)])) }));
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

/** Smaller falls are the noise of few chains (nats). */
const NOTABLE = 0.3;
