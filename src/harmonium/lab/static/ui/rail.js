/** "Follow the lecture": its stops, one after the other, beneath the chapters' names. */
import { html, usePage } from "../page.js";
import { MODULES, STOPS } from "../lecture.js";
import { readDone, useDone } from "../progress.js";
import { Button } from "./controls.js";

const nameOf = (/** @type {number} */ n) => `stop ${n + 1}`;

/** Where a reader is in the lecture, null outside it, and where to go on. */
export function useLecture() {
  const { stop, setStop, visit } = usePage();
  const goTo = (/** @type {number} */ n) => {
    setStop(n);
    visit(`#${STOPS[n].at}`);
  };
  const done = readDone();
  const next = Math.max(0, STOPS.findIndex((_, n) => !done.includes(nameOf(n))));
  return { stop, goTo, next, close: () => setStop(null) };
}

export function Rail() {
  const { stop, goTo, close } = useLecture();
  if (stop === null) return null;
  const { module, text } = STOPS[stop];
  return html`<section class="rail" aria-label="The lecture" data-test="rail">
    <div class="rail-head"><strong>Lecture, part ${module}: ${MODULES[module - 1]}</strong>
      <button type="button" class="link" onClick=${close} data-test="rail-close">leave the lecture</button></div>
    <p aria-live="polite">${text}</p>
    <div class="rail-stops">
      <${Button} onClick=${() => goTo(stop - 1)} disabled=${stop === 0} test="rail-back">\u2190 back<//>
      ${MODULES.map((title, m) => html`<span class="rail-module" role="group" aria-label=${title}>${STOPS.map((s, n) => s.module === m + 1 && html`<${Dot} key=${n} n=${n} />`)}</span>`)}
      <${Button} primary onClick=${() => goTo(stop + 1)} disabled=${stop === STOPS.length - 1} test="rail-next">next \u2192<//>
    </div>
  </section>`;
}

function Dot(/** @type {{n: number}} */ { n }) {
  const { stop, goTo } = useLecture();
  const [done, setDone] = useDone(nameOf(n));
  if (n === stop && !done) setDone();
  return html`<button type="button" class=${done ? "dot done" : "dot"} aria-current=${n === stop ? "step" : undefined} title=${STOPS[n].text}
    aria-label=${`stop ${n + 1}${done ? ", seen" : ""}`} onClick=${() => goTo(n)} data-test=${`stop-${n + 1}`}>${n + 1}</button>`;
}
