/** Curves over time, by uPlot. Series differ by dash as well as by color. */
import { decimals, fixed, html, plain, sized, useEffect, useId, useRef } from "../page.js";
import uPlot from "uplot";
import { drawInColors, followSize } from "./watch.js";

const COLORS = ["--accent", "--plus", "--minus", "--good", "--soft"];
const WHOLE = Array.from({ length: 10 }, (_, e) => [1, 2, 5].map((n) => n * 10 ** e)).flat();
const DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3], [1, 5]];

/** @param {{series: Series[], x: number[], xLabel: string, yLabel: string, height?: number, log?: boolean, test?: string}} props */
export function Curve({ series, x, xLabel, yLabel, height = 200, log = false, test }) {
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const plot = useRef(/** @type {any} */ (null));
  const id = useId();
  const labels = series.map((s) => s.label).join("|");
  const data = [x, ...series.map((s) => (log ? s.values.map((y) => (y !== null && y > 0 ? y : null)) : s.values))];
  const newest = useRef({ series, data });
  newest.current = { series, data };
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    // A canvas knows no CSS variables: it is drawn anew when the colors change.
    const draw = () => {
      plot.current?.destroy();
      plot.current = new uPlot(optionsOf(element, newest.current.series, xLabel, yLabel, height, log), /** @type {any} */ (newest.current.data), element);
    };
    const ends = [drawInColors(draw), followSize(element, () => plot.current?.setSize({ width: element.clientWidth, height }))];
    return () => {
      for (const end of ends) end();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [labels, xLabel, yLabel, height, log]);
  useEffect(() => plot.current?.setData(data), [x, ...series.map((s) => s.values)]);
  const last = series.map((s) => `${s.label} ${sized(s.values.findLast((y) => y !== null) ?? null, 4)}`).join(", ");
  return html`<figure class="curve" data-test=${test}>
    <div ref=${place} role="img" aria-labelledby=${id}></div>
    <figcaption id=${id} class="hidden">${yLabel} over ${xLabel}; at the end: ${last}</figcaption>
  </figure>`;
}

/** Ticks all with the decimals that tell them apart; powers of ten have only their own. @param {(number | null)[]} ticks @param {boolean} log */
function tickTexts(ticks, log) {
  const digits = decimals(ticks.filter((y) => y !== null), 0);
  return ticks.map((y) => (y === null ? "" : log ? plain(y, 6) : digits > 4 ? sized(y, 2) : fixed(y, digits)));
}

/** @param {HTMLElement} element @param {Series[]} series @param {string} xLabel @param {string} yLabel @param {number} height @param {boolean} log */
function optionsOf(element, series, xLabel, yLabel, height, log) {
  const style = getComputedStyle(element);
  const color = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
  const axis = { stroke: color("--soft"), grid: { stroke: color("--line"), width: 1 }, ticks: { stroke: color("--line"), width: 1 }, labelSize: 18, labelGap: 2, font: "12px system-ui, sans-serif", labelFont: "12px system-ui, sans-serif" };
  // Of a logarithmic axis only the powers of ten are drawn: the lines between would run together.
  const tens = (/** @type {any} */ _, /** @type {number[]} */ splits) => splits.map((y) => (Math.abs(Math.log10(y) % 1) < 1e-6 ? y : null));
  const logarithmic = log ? { filter: tens, grid: { ...axis.grid, filter: tens }, ticks: { ...axis.ticks, filter: tens } } : {};
  return {
    width: element.clientWidth || 300,
    height,
    // The key shows each line as it is drawn.
    legend: { show: series.length > 1, live: false, markers: { dash: (/** @type {any} */ _, /** @type {number} */ i) => (i > 1 ? "dashed" : "solid") } },
    cursor: { drag: { x: false, y: false } },
    scales: { x: { time: false }, y: { distr: log ? 3 : 1 } },
    axes: [{ ...axis, label: xLabel, size: 32, incrs: WHOLE }, { ...axis, ...logarithmic, label: yLabel, size: 58, values: (/** @type {any} */ _, /** @type {(number | null)[]} */ ticks) => tickTexts(ticks, log) }],
    series: [
      { label: xLabel },
      ...series.map((s, i) => ({
        label: s.label,
        stroke: color(COLORS[i % COLORS.length]),
        dash: DASHES[i % DASHES.length],
        width: s.width ?? 2,
        spanGaps: true,
        points: { show: false },
        value: (/** @type {any} */ _, /** @type {number | null} */ y) => sized(y, 4),
      })),
    ],
  };
}
