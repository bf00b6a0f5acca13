/** Many small cells, each as strong in tone as its number: maps, the recent past, a population. */
import { html, useEffect, useRef } from "../page.js";
import { drawInColors } from "./watch.js";

/** @param {{values: (number | null)[], columns: number, rows: number, label: string, cell?: number, gap?: number, down?: boolean, test?: string}} props
 *   `values` from 0 to 1, row by row, or column by column with `down`; a `gap` leaves an outline between cells. */
export function Cells({ values, columns, rows, label, cell = 1, gap = 0, down = false, test }) {
  const place = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  useEffect(() => drawInColors(() => {
    const canvas = place.current;
    const context = canvas?.getContext("2d");
    if (!canvas || !context) return;
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.fillStyle = getComputedStyle(canvas).color;
    values.forEach((value, n) => {
      if (value === null) return;
      const [x, y] = down ? [Math.floor(n / rows), n % rows] : [n % columns, Math.floor(n / columns)];
      // With gaps, a cell of value 0 is still seen to be there.
      context.globalAlpha = gap ? 0.12 + 0.88 * value : value;
      context.fillRect(x * cell, y * cell, cell - gap, cell - gap);
    });
  }), [values, columns, rows, cell, gap, down]);
  return html`<canvas class="cells" ref=${place} width=${columns * cell} height=${rows * cell} role="img" aria-label=${label} data-test=${test}></canvas>`;
}
