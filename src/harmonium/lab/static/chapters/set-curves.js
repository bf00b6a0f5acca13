/** Likelihood, divergence and reconstruction error over the updates, and what they show. */
import { useMemo } from "preact/hooks";
import { html } from "../html.js";
import { fixed, grouped } from "../format.js";
import { Curve } from "../ui/curve.js";
import { METHODS, NAMES } from "../answers/set.js";
import { fallen } from "./set-training.js";

/** @param {{run: import("../answers/set.js").Run}} props */
export function Curves({ run }) {
  const records = run.record;
  const best = useMemo(() => records.update.map(() => run.target.best), [records]);
  const of = (/** @type {import("../answers/set.js").Field} */ field) => METHODS.map((m) => ({ label: NAMES[m], values: records[m][field] }));
  const pixels = run.target.visible;
  return html`<div class="three">
      <div><h4>Log likelihood</h4>
        <${Curve} series=${[...of("log_likelihood"), { label: "best possible", values: best, width: 1 }]} x=${records.update} xLabel="updates" yLabel="nats" height=${215} test="curve-likelihood" /></div>
      <div><h4>KL divergence from the target</h4>
        <${Curve} series=${of("divergence")} x=${records.update} xLabel="updates" yLabel="nats, logarithmic" height=${215} log test="curve-divergence" /></div>
      <div><h4>Reconstruction error</h4>
        <${Curve} series=${of("wrong_pixels")} x=${records.update} xLabel="updates" yLabel=${`wrong pixels of ${pixels}`} height=${215} test="curve-reconstruction" /></div>
    </div>
    <p class="line-key" aria-hidden="true">${METHODS.map((m) => html`<span><${Line} name=${m} />${NAMES[m]}</span>`)}<span><${Line} name="best" />best possible log likelihood</span></p>
    <${Seen} run=${run} />`;
}

/** The same line as in the curves. @param {{name: string}} props */
function Line({ name }) {
  return html`<svg class=${`line ${name}`} viewBox="0 0 34 8"><path d="M0 4h34" /></svg>`;
}

/** @param {{run: import("../answers/set.js").Run}} props */
function Seen({ run }) {
  const found = fallen(run);
  if (run.state.update === 0) return html`<p class="seen soft">Nothing has been learned yet. Press play.</p>`;
  if (!found.length) return html`<p class="seen soft" data-test="seen">So far, the curves agree: the likelihood has risen as the reconstructions improved.</p>`;
  return html`<div class="seen" data-test="seen">${found.map(
    (f) => html`<p key=${f.method}><strong>${NAMES[f.method]}</strong> was best at update ${grouped(f.update)}, with a log likelihood of <span class="num">${fixed(f.then, 3)}</span>.
      It has since fallen to <span class="num">${fixed(f.now, 3)}</span>, while the reconstruction error fell from <span class="num">${fixed(f.wrongThen, 3)}</span> to <span class="num">${fixed(f.wrongNow, 3)}</span> pixels.</p>`,
  )}</div>`;
}
