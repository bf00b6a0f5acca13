/** What goes on: a chain, many of them, a ladder. Each is moved on sweep by sweep, and starts anew when what it depends on changes. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { lawOf, runChain } from "../answers/chain.js";
import { usePage } from "../page.js";

/** Between pictures, for those who ask for less motion. */
const CALM_MS = 600;
const CALM_SWEEPS = 30;

/** @typedef {import("../answers/chain.js").Experiment} Experiment */
/** @typedef {{playing: boolean, move: (what: any) => void, restart: () => void, play: (on: boolean) => void}} Moved */

/** The state of something that goes on, and the ways to move it on. A long move is made in pieces, one at every picture; while it
 * plays there is a sweep at every picture.
 * @template T @template M
 * @param {any} key what the state depends on
 * @param {(now: T | null, move: M) => T} advance
 * @param {{first?: M, piece: number, told?: (now: T) => void}} options first: a move made at every start; piece: the most sweeps at once
 * @returns {Moved & {now: T | null}} */
export function useCarried(key, advance, { first, piece, told }) {
  const held = useRef({ key: {}, now: /** @type {T | null} */ (null), moves: /** @type {any[]} */ ([]) });
  const [, redraw] = useState(0);
  const [playing, play] = useState(false);
  const start = () => (held.current = { key, now: first === undefined ? null : advance(null, first), moves: [] });
  if (held.current.key !== key) start();
  const step = (/** @type {any} */ what) => {
    const now = advance(held.current.now, what);
    held.current.now = now;
    told?.(now);
    redraw((n) => n + 1);
  };
  const latest = useRef(step);
  latest.current = step;
  const move = (/** @type {any} */ what) => {
    const { moves } = held.current;
    if (typeof what === "string") moves.push(what);
    else for (let rest = what; rest > 0; rest -= piece) moves.push(Math.min(rest, piece));
    latest.current(moves.shift());
  };
  const busy = playing || held.current.moves.length > 0;
  useEffect(() => {
    if (!busy) return;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    let [frame, due] = [0, 0];
    const turn = (/** @type {number} */ time) => {
      const { moves } = held.current;
      if (moves.length) latest.current(moves.shift());
      else if (playing && time >= due) {
        due = calm ? time + CALM_MS : 0;
        latest.current(calm ? CALM_SWEEPS : 1);
      }
      frame = requestAnimationFrame(turn);
    };
    frame = requestAnimationFrame(turn);
    return () => cancelAnimationFrame(frame);
  }, [busy, playing]);
  useEffect(() => play(false), [key]);
  const restart = () => {
    start();
    play(false);
    redraw((n) => n + 1);
  };
  return { now: held.current.now, playing, move, restart, play };
}

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
  const law = useMemo(() => lawOf(tables), [tables]);
  return useMemo(() => ({ law, seed: state.seed, start }), [law, state.seed, start]);
}

/** One Gibbs chain. A move is "half", a half-step, or a number of sweeps.
 * @param {Experiment} experiment @param {(chain: import("../answers/chain.js").Chain) => void} told */
export function useChain(experiment, told) {
  return useCarried(experiment, (now, /** @type {"half" | number} */ what) => runChain(experiment, now, what), { piece: 2500, told });
}
