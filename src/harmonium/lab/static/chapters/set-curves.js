/** Likelihood, divergence and reconstruction error over the updates, and what they show. */
import { Curve, fixed, grouped, html, useMemo } from "../ui.js";
import { METHODS, NAMES } from "../answers/set.js";

/** Smaller falls are the noise of few chains (nats). */
const NOTABLE = 0.3;

export function Curves(/** @type {{run: Run}} */ { run }) {
  const records = run.record;
  const best = useMemo(() => records.update.map(() => run.target.best), [records]);
  const of = (/** @type {Field} */ field) => METHODS.map((m) => ({ label: NAMES[m], values: records[m][field] }));
  return html`<div class="three">
      <div><h4>Log likelihood</h4>
        <${Curve} series=${[...of("log_likelihood"), { label: "best possible", values: best, width: 1 }]} x=${records.update} xLabel="updates" yLabel="nats" height=${215} test="curve-likelihood" /></div>
      <div><h4>KL divergence from the target</h4>
        <${Curve} series=${of("divergence")} x=${records.update} xLabel="updates" yLabel="nats, logarithmic" height=${215} log test="curve-divergence" /></div>
      <div><h4>Reconstruction error</h4>
        <${Curve} series=${of("wrong_pixels")} x=${records.update} xLabel="updates" yLabel=${`wrong pixels of ${run.target.visible}`} height=${215} test="curve-reconstruction" /></div>
    </div>
    <p class="line-key" aria-hidden="true">${METHODS.map((m) => html`<span><${Line} name=${m} />${NAMES[m]}</span>`)}<span><${Line} name="best" />best possible log likelihood</span></p>
    <${Seen} run=${run} />`;
}

/** The same line as in the curves. @param {{name: string}} props */
function Line({ name }) {
  return html`<svg class=${`line ${name}`} viewBox="0 0 34 8"><path d="M0 4h34" /></svg>`;
}

/** Who once had a higher likelihood than now, although more pixels were wrong then. */
function Seen(/** @type {{run: Run}} */ { run: { record, now, state } }) {
  const fallen = METHODS.flatMap((method) => {
    const likelihoods = record[method].log_likelihood.map((x) => x ?? -Infinity);
    const best = likelihoods.indexOf(Math.max(...likelihoods));
    const [then, wrongThen] = [likelihoods[best], record[method].wrong_pixels[best] ?? 0];
    const { log_likelihood, wrong_pixels } = now[method];
    if (log_likelihood >= then - NOTABLE || wrong_pixels >= wrongThen) return [];
    return html`<p key=${method}><strong>${NAMES[method]}</strong> was best at update ${grouped(record.update[best])}, with a log likelihood of <span class="num">${fixed(then, 3)}</span>.
      It has since fallen to <span class="num">${fixed(log_likelihood, 3)}</span>, while the reconstruction error fell from <span class="num">${fixed(wrongThen, 3)}</span> to <span class="num">${fixed(wrong_pixels, 3)}</span> pixels.</p>`;
  });
  if (state.update === 0) return html`<p class="seen soft">Nothing has been learned yet. Press play.</p>`;
  if (!fallen.length) return html`<p class="seen soft" data-test="seen">So far, the curves agree: the likelihood has risen as the reconstructions improved.</p>`;
  return html`<div class="seen" data-test="seen">${fallen}</div>`;
}
