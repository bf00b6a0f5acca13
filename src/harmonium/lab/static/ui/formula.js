/** Formulas, set by KaTeX, with MathML beside for screen readers. */
import katex from "katex";
import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "../html.js";

/** @param {{tex: string, block?: boolean}} props */
export function Formula({ tex, block = false }) {
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const [wide, setWide] = useState(false);
  useEffect(() => {
    if (place.current) katex.render(tex, place.current, { displayMode: block, throwOnError: false });
  }, [tex, block]);
  useEffect(() => {
    const element = place.current;
    if (!element || !block) return;
    // A formula wider than its place scrolls, which must be possible by keyboard too.
    const watcher = new ResizeObserver(() => setWide(element.scrollWidth > element.clientWidth));
    watcher.observe(element);
    return () => watcher.disconnect();
  }, [block]);
  const keyed = wide ? { tabindex: 0, role: "group", "aria-label": "formula" } : {};
  return html`<span class=${block ? "formula block" : "formula"} ref=${place} ...${keyed}></span>`;
}
