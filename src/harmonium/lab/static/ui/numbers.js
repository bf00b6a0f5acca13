/** Numbers on the page: as bars, as formulas, and as the sums that they open to show. */
import katex from "katex";
import { DIGITS, fixed, html, useEffect, useId, useLayoutEffect, useRef, useState } from "../page.js";
import { useDismissed } from "./controls.js";
import { followSize } from "./watch.js";

const GAP = 6;

/** `share` of the full width, from 0 to 1; `mark` is a tick at another share, `error` a whisker to both sides of the bar's end. */
export function Bar(/** @type {{share: number, mark?: number | null, error?: number | null, strong?: boolean}} */ { share, mark, error, strong }) {
  // A share of nothing is none: 0 / 0.
  const within = (/** @type {number} */ x) => Math.min(1, Math.max(0, x || 0));
  const at = (/** @type {number} */ x) => `${100 * within(x)}%`;
  return html`<span class=${strong ? "bar strong" : "bar"} aria-hidden="true">
    <span class="fill" style=${`transform:scaleX(${within(share)})`}></span>
    ${error ? html`<span class="whisker" style=${`left:${at(share - error)};right:calc(100% - ${at(share + error)})`}></span>` : null}
    ${mark === undefined || mark === null ? null : html`<span class="mark" style=${`left:${at(mark)}`}></span>`}
  </span>`;
}

/** A formula, set by KaTeX, with MathML beside for screen readers. */
export function Formula(/** @type {{tex: string, block?: boolean}} */ { tex, block = false }) {
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const [wide, setWide] = useState(false);
  useEffect(() => {
    if (place.current) katex.render(tex, place.current, { displayMode: block, throwOnError: false });
  }, [tex, block]);
  useEffect(() => {
    const element = place.current;
    if (!element || !block) return;
    // A formula wider than its place scrolls, which must be possible by keyboard too.
    return followSize(element, () => setWide(element.scrollWidth > element.clientWidth));
  }, [block]);
  const keyed = wide ? { tabindex: 0, role: "group", "aria-label": "formula" } : {};
  return html`<span class=${block ? "formula block" : "formula"} ref=${place} ...${keyed}></span>`;
}

/** A number that opens to show the sum it is; without a `value` the text is all that is known of it.
 * @param {{value?: number, digits?: number, text?: string, tex: string, label: string, test?: string, total?: string,
 *   rows: () => [any, number | string | null][]}} props */
export function Summed({ value, digits = DIGITS, text = fixed(value, digits), tex, rows, label, test, total = "sum" }) {
  const [open, setOpen] = useState(false);
  const id = useId();
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  useDismissed(place, open, () => setOpen(false));
  useLayoutEffect(() => {
    if (!open) return;
    const scrolled = (/** @type {Event} */ event) => {
      if (!(event.target instanceof Element && place.current?.contains(event.target))) placed(place.current);
    };
    document.addEventListener("scroll", scrolled, true);
    placed(place.current);
    // Once more when the formula stands in it.
    requestAnimationFrame(() => requestAnimationFrame(() => placed(place.current)));
    return () => document.removeEventListener("scroll", scrolled, true);
  }, [open]);
  return html`<span class="summed" ref=${place}>
    <button type="button" class="num" aria-expanded=${String(open)} aria-controls=${id} aria-label=${`${label}: ${text}. Show the sum`}
      data-test=${test} onClick=${() => setOpen(!open)}>${text}</button>
    ${open && html`<span class="sum-panel" id=${id} role="group" aria-label=${`${label}, written out`}>
      <${Formula} tex=${tex} block />
      <span class="sum-rows" tabindex="0" role="group" aria-label="the terms">
        ${rows().map(([name, term]) => html`<span class="sum-row"><span>${name}</span><span class="num">${typeof term === "number" ? fixed(term, digits) : term}</span></span>`)}
      </span>
      <span class="sum-row total"><span>${total}</span><span class="num">${value === undefined ? text : fixed(value, digits)}</span></span>
    </span>`}
  </span>`;
}

/** Beside its number and on the screen; fixed, so that no scrolling box cuts it off. @param {HTMLElement | null} place */
function placed(place) {
  const panel = /** @type {HTMLElement | null} */ (place?.querySelector(".sum-panel"));
  if (!place || !panel) return;
  // What surrounds the page may be what a fixed box is placed by: a notebook's cell.
  panel.style.left = panel.style.top = "0";
  const [number, { width, height, left, top }] = [place.getBoundingClientRect(), panel.getBoundingClientRect()];
  const root = document.documentElement;
  const below = number.bottom + GAP + height <= root.clientHeight;
  panel.style.left = `${Math.max(GAP, Math.min(number.left, root.clientWidth - width - GAP)) - left}px`;
  panel.style.top = `${(below ? number.bottom + GAP : Math.max(GAP, number.top - height - GAP)) - top}px`;
}
