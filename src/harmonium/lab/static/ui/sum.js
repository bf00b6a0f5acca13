/** A number that opens to show the sum it is. */
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { html } from "../html.js";
import { DIGITS, fixed } from "../format.js";
import { useDismissed } from "./controls.js";
import { Formula } from "./formula.js";

const GAP = 6;

/** @param {{value: number | null, digits?: number, text?: string, tex: string, label?: string, test?: string, total?: string,
 *   rows: [any, number | string | null][] | (() => [any, number | string | null][])}} props */
export function Summed({ value, digits = DIGITS, text, tex, rows, label, test, total }) {
  const [open, setOpen] = useState(false);
  const id = useId();
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const shown = text ?? fixed(value, digits);
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
    <button type="button" class="num" aria-expanded=${String(open)} aria-controls=${id} aria-label=${label && `${label}: ${shown}. Show the sum`}
      data-test=${test} onClick=${() => setOpen(!open)}>${shown}</button>
    ${open &&
    html`<span class="sum-panel" id=${id} role="group" aria-label=${label ? `${label}, written out` : "the sum, written out"}>
      <${Formula} tex=${tex} block />
      <span class="sum-rows" tabindex="0" role="group" aria-label="the terms">
        ${(typeof rows === "function" ? rows() : rows).map(
          ([name, term]) => html`<span class="sum-row"><span>${name}</span><span class="num">${typeof term === "number" ? fixed(term, digits) : term}</span></span>`,
        )}
      </span>
      <span class="sum-row total"><span>${total ?? "sum"}</span><span class="num">${value === null ? shown : fixed(value, digits)}</span></span>
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
