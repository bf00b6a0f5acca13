/** What goes on step by step: a chain, many of them, a training. */
import { useEffect, useRef, useState } from "../page.js";

/** How long a long move keeps the page before a picture is drawn. */
const BUDGET_MS = 25;
/** Between pictures, for those who ask for less motion, and how much longer a move is then. */
const CALM_MS = 600;
const CALM_TIMES = 10;

/** The state of something that goes on, and the ways to move it on. It starts anew when `key` changes, with a move of 0. A move by a
 * number is made in pieces, as many at every picture as there is time for.
 * @template T @param {any} key what the state depends on
 * @param {(now: T | null, what: any) => T} advance by a number of steps, or in another way
 * @param {{piece: number, amount?: number, every?: number}} options piece: the most steps at once; amount: the steps at a picture while it
 *   plays; every: the time between these pictures (ms) @returns {Moved & {now: T}} */
export function useCarried(key, advance, { piece, amount = 1, every = 0 }) {
  const held = useRef({ key: {}, now: /** @type {any} */ (null), moves: /** @type {any[]} */ ([]) });
  const [, redraw] = useState(0);
  const [playing, play] = useState(false);
  const start = () => (held.current = { key, now: advance(null, 0), moves: [] });
  if (held.current.key !== key) start();
  const push = (/** @type {any} */ what) => {
    if (typeof what !== "number") held.current.moves.push(what);
    else for (let rest = what; rest > 0; rest -= piece) held.current.moves.push(Math.min(rest, piece));
  };
  const step = () => {
    const { moves } = held.current;
    const until = performance.now() + BUDGET_MS;
    do held.current.now = advance(held.current.now, moves.shift());
    while (moves.length && performance.now() < until);
    redraw((n) => n + 1);
  };
  const latest = useRef({ push, step });
  latest.current = { push, step };
  const busy = playing || held.current.moves.length > 0;
  useEffect(() => {
    if (!busy) return;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const wait = calm ? Math.max(CALM_MS, every) : every;
    let [frame, due] = [0, 0];
    const turn = (/** @type {number} */ time) => {
      const { moves } = held.current;
      if (playing && !moves.length && time >= due) {
        due = time + wait;
        latest.current.push(calm ? CALM_TIMES * amount : amount);
      }
      if (moves.length) latest.current.step();
      frame = requestAnimationFrame(turn);
    };
    frame = requestAnimationFrame(turn);
    return () => cancelAnimationFrame(frame);
  }, [busy, playing, amount, every]);
  useEffect(() => play(false), [key]);
  return {
    now: held.current.now,
    playing,
    play,
    move: (what) => {
      push(what);
      step();
    },
    restart: () => {
      start();
      play(false);
      redraw((n) => n + 1);
    },
  };
}
