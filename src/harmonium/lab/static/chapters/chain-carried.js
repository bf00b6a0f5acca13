/** What the library carries on from what the page holds: chains, many of them, ladders. The page keeps all of their state. */
import { useEffect, useRef, useState } from "preact/hooks";
import { usePage } from "../page.js";

const FRAME_MS = 40;
/** How many of the latest visits are kept to be drawn. */
export const RECENT = 240;

/** @typedef {{sweeps: number[], [series: string]: number[]}} Distance */
/** @typedef {{v: string[], h: string[], probability: number[], visible: {states: string[], probability: number[]}, upper: number,
 *   relaxation: number | null}} Law */
/** @typedef {{given: string, input: number[], probability: number[], uniform: number[], bits: number[]}} Coins */
/** @typedef {import("./chain-visits.js").Found & {sweeps: number, counts: number[], upper: number, crossings: number,
 *   visible: import("./chain-visits.js").Found, now: number | null, expected: number | null, distance: Distance,
 *   recent: number[]}} Visits */
/** @typedef {Visits & {chain: {v: string, h: string | null, half: number}, coins: {v?: Coins, h?: Coins}, fresh: ("v" | "h")[]}} Chain */

/** The state of something that goes on, and the ways to move it on: moves wait for one another, and a change of `key` starts anew.
 * @template T @template M
 * @param {string} key what the state depends on
 * @param {(now: T | null, move: M) => Promise<T>} advance
 * @param {M} [first] made at every start
 * @param {M} [frame] made over and over, 25 times a second, while it plays
 * @param {(now: T) => void} [told] is told every new state, in time to be drawn with it
 * @returns {{now: T | null, error: string, playing: boolean, move: (move: M) => Promise<void>, restart: () => void, play: (on: boolean) => void}} */
export function useCarried(key, advance, first, frame, told) {
  const [now, setNow] = useState(/** @type {T | null} */ (null));
  const [error, setError] = useState("");
  const [playing, play] = useState(false);
  const held = useRef(/** @type {T | null} */ (null));
  const epoch = useRef(0);
  const queue = useRef(Promise.resolve());
  const latest = useRef({ advance, told });
  latest.current = { advance, told };
  const move = (/** @type {M} */ what) => {
    const mine = epoch.current;
    queue.current = queue.current.then(async () => {
      if (mine !== epoch.current) return;
      try {
        const next = await latest.current.advance(held.current, what);
        if (mine !== epoch.current) return;
        held.current = next;
        setNow(/** @type {any} */ (next));
        latest.current.told?.(next);
        setError("");
      } catch (problem) {
        if (mine !== epoch.current) return;
        setError(/** @type {Error} */ (problem).message);
        play(false);
      }
    });
    return queue.current;
  };
  const restart = () => {
    epoch.current++;
    held.current = null;
    play(false);
    setError("");
    // What starts with a move keeps its last picture until the first answer comes.
    if (first === undefined) setNow(null);
    else move(first);
  };
  useEffect(restart, [key]);
  useEffect(() => () => void epoch.current++, []);
  useEffect(() => {
    if (!playing || frame === undefined) return;
    let on = true;
    const turn = async () => {
      let due = performance.now();
      while (on) {
        await move(frame);
        due = Math.max(due + FRAME_MS, performance.now());
        await new Promise((done) => setTimeout(done, due - performance.now()));
      }
    };
    turn();
    return () => {
      on = false;
    };
  }, [playing]);
  return { now, error, playing, move, restart, play };
}

/** Where chains start, from the URL or all off; and what tells one experiment from another. */
export function useStart() {
  const { state, setting, changeSetting } = usePage();
  const { machine, temperature, seed } = state;
  const V = machine.a.length;
  const asked = String(setting("chain", "start", ""));
  const start = new RegExp(`^[01]{${V}}$`).test(asked) ? asked : "0".repeat(V);
  return {
    start,
    setStart: (/** @type {string} */ bits) => changeSetting("chain", { start: bits }),
    machineKey: JSON.stringify([machine, temperature]),
    key: JSON.stringify([machine, temperature, seed, start]),
  };
}

/** The law of this machine's chain, for the machine it was asked for only. @returns {{law: Law | null, error: string}} */
export function useLaw() {
  const { ask, machineParams } = usePage();
  const { machineKey } = useStart();
  const [found, setFound] = useState(/** @type {{key: string, law: Law | null, error: string}} */ ({ key: "", law: null, error: "" }));
  useEffect(() => {
    ask("chain.law", machineParams(), { latest: "chain.law" }).then(
      (law) => setFound({ key: machineKey, law, error: "" }),
      (problem) => setFound({ key: machineKey, law: null, error: problem.message }),
    );
  }, [machineKey]);
  return found.key === machineKey ? found : { law: null, error: "" };
}

const PARTS = ["toss", "run", "many", "temper"];

/** Have everything compiled while the text is read, piece by piece, so that no press waits for long. @param {boolean} ready */
export function useWarm(ready) {
  const { ask } = usePage();
  useEffect(() => {
    if (!ready) return;
    let on = true;
    const warm = async () => {
      for (const part of PARTS) if (on) await ask("chain.warm", { part });
    };
    // What cannot be compiled now is compiled, or complained of, when it is needed.
    warm().catch(() => {});
    return () => {
      on = false;
    };
  }, [ready]);
}

/** One Gibbs chain. A move is "half", a half-step, or a number of sweeps. @param {(chain: Chain) => void} told */
export function useChain(told) {
  const { state, ask, machineParams } = usePage();
  const { start, key } = useStart();
  /** @param {Chain | null} now @param {"half" | number} what @returns {Promise<Chain>} */
  const advance = async (now, what) => {
    const held = now?.chain ?? { v: start, h: null, half: 0 };
    const params = { ...machineParams(), seed: state.seed, ...held, counts: now?.counts ?? null, crossings: now?.crossings ?? 0 };
    const answer = what === "half" ? await ask("chain.half", params) : await ask("chain.run", { ...params, sweeps: what });
    const fresh = what === "half" || what === 1 ? Object.keys(answer.coins) : [];
    return { ...answer, ...goneOn(now, answer), coins: { ...now?.coins, ...answer.coins }, fresh };
  };
  return useCarried(key, advance, undefined, /** @type {"half" | number} */ (1), told);
}

/** What is told in parts, put together. @param {Visits | null} now @param {Visits} answer */
export function goneOn(now, answer) {
  return { distance: joined(now?.distance, answer.distance), recent: [...(now?.recent ?? []), ...answer.recent].slice(-RECENT) };
}

/** @param {Distance | undefined} before @param {Distance} more @returns {Distance} */
export function joined(before, more) {
  if (!before) return more;
  return /** @type {Distance} */ (Object.fromEntries(Object.keys(more).map((name) => [name, [...before[name], ...more[name]]])));
}
