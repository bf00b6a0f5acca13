/** A table of buttons with one tab stop: the arrow keys go from button to button. The buttons are made with the tabindex -1. */
import { useLayoutEffect, useRef } from "../page.js";

const STEPS = /** @type {Record<string, [number, number]>} */ ({ ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1], PageDown: [10, 0], PageUp: [-10, 0], Home: [-Infinity, 0], End: [Infinity, 0] });

/** What the table's element needs. */
export function useGrid() {
  const ref = useRef(/** @type {HTMLElement | null} */ (null));
  const stop = useRef(/** @type {HTMLButtonElement | null} */ (null));
  const buttons = () => [...(ref.current?.querySelectorAll("tr") ?? [])].map((row) => [...row.querySelectorAll("button")]).filter((row) => row.length);
  const settle = (/** @type {HTMLButtonElement | null | undefined} */ button) => {
    if (stop.current) stop.current.tabIndex = -1;
    stop.current = button ?? null;
    if (button) button.tabIndex = 0;
  };
  useLayoutEffect(() => {
    if (!stop.current?.isConnected) settle(ref.current?.querySelector("button"));
  });
  return {
    ref,
    onFocusIn: (/** @type {FocusEvent} */ { target }) => void (target instanceof HTMLButtonElement && settle(target)),
    onKeyDown: (/** @type {KeyboardEvent} */ event) => {
      const step = STEPS[event.key];
      const rows = buttons();
      const row = rows.findIndex((found) => found.includes(/** @type {HTMLButtonElement} */ (event.target)));
      if (!step || row < 0) return;
      event.preventDefault();
      const next = rows[Math.max(0, Math.min(rows.length - 1, row + step[0]))];
      next[Math.max(0, Math.min(next.length - 1, rows[row].indexOf(/** @type {HTMLButtonElement} */ (event.target)) + step[1]))].focus();
    },
  };
}
