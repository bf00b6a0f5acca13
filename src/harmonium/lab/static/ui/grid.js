/** A table of buttons with one tab stop: the arrow keys go from button to button. */
import { useLayoutEffect, useRef } from "preact/hooks";

const STEPS = /** @type {Record<string, [number, number]>} */ ({ ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1], PageDown: [10, 0], PageUp: [-10, 0], Home: [-Infinity, 0], End: [Infinity, 0] });

/** What the table's element needs. */
export function useGrid() {
  const ref = useRef(/** @type {HTMLElement | null} */ (null));
  const stop = useRef(/** @type {Element | undefined} */ (undefined));
  const buttons = () => [...(ref.current?.querySelectorAll("tr") ?? [])].map((row) => [...row.querySelectorAll("button")]).filter((row) => row.length);
  const settle = (/** @type {HTMLButtonElement[]} */ all) => {
    if (!stop.current?.isConnected) stop.current = all[0];
    for (const button of all) {
      const index = button === stop.current ? 0 : -1;
      if (button.tabIndex !== index) button.tabIndex = index;
    }
  };
  useLayoutEffect(() => settle(buttons().flat()));
  return {
    ref,
    onFocusIn: (/** @type {FocusEvent} */ event) => {
      stop.current = /** @type {Element} */ (event.target);
      settle(buttons().flat());
    },
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
