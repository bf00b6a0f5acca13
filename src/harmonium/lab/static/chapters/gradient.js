/** Chapter 4: one step up the gradient of ln p(v), exact and by contrastive divergence. */
import { Card, DIGITS, digitsFor, fixed, Formula, Grid, html, nameOf, plain, signed, Summed, Target, useMemo, usePage, valueAt } from "../ui.js";
import { stepOf } from "../answers/gradient.js";
import { Cloud, Stationary, Sweeps } from "./gradient-cloud.js";
import { useGiven } from "./gradient-given.js";
import { SlowMotion } from "./gradient-slow.js";
import { BeforeAndAfter, TheStep } from "./gradient-step.js";

export const chapter = { id: "gradient", title: "One gradient step", Chapter: Gradient };

function Gradient() {
  const { state, tables } = usePage();
  const { biases, rate } = useGiven();
  const step = useMemo(() => stepOf(tables, state.target, biases, rate), [tables, state.target, biases, rate]);
  return html`
    <p class="lead">Until now, the machine was given. Now it learns: one vector, the target, becomes more probable.
      The aim is a machine that reconstructs each visible vector as often as it occurs in a training set. Here is a single step, for a single vector.</p>
    <p class="target"><span>target v =</span> <${Target} label="target" test="target" /></p>
    <${Formula} block tex=${"\\Delta w_{ij} = \\frac{\\eta}{T}\\bigl(\\underbrace{\\langle v_i h_j \\rangle_v}_{A} - \\underbrace{\\langle v_i h_j \\rangle_{vh}}_{B}\\bigr)"} />
    <p>The derivative of ln p(v) with respect to a weight is a difference. A is how often its two units are on together while the machine sees the target; B, how often while it runs freely.
      Where A is larger, the weight rises; where B is larger, it falls. The step is this difference, scaled by the rate \u03b7. Chapter 7 derives it line by line.</p>
    <${Terms} step=${step} /><${TheStep} step=${step} /><${BeforeAndAfter} step=${step} />
    <${Card} id="delta-w11" />
    <${Card} id="delta-biases" />
    <${Card} id="unit-off" />
    <${Card} id="ceiling" />
    <p>B runs over all configurations. Five and five units have 1,024 of them, an image far more than could ever be listed. Contrastive divergence is a shortcut: one sample in place of A,
      one in place of B, and the second is reached from the first in a single sweep.</p>
    <p>Hinton\u2019s recipe has six steps:</p>
    <ol data-test="recipe">
      <li>Take a training vector v, compute the probabilities p(h\u2c7c = 1 | v), and sample h.</li>
      <li>Compute the table of products v\u2009h\u1d40, the positive gradient. It estimates A.</li>
      <li>From h, sample a reconstruction v\u2032 of the visible units; from v\u2032, sample h\u2032.</li>
      <li>Compute v\u2032h\u2032\u1d40, the negative gradient. It estimates B.</li>
      <li>Update the weights: \u0394W = \u03b5 (v\u2009h\u1d40 \u2212 v\u2032h\u2032\u1d40).</li>
      <li>Update the biases: \u0394a = \u03b5 (v \u2212 v\u2032) and \u0394b = \u03b5 (h \u2212 h\u2032).</li>
    </ol>
    <${SlowMotion} />
    <${Card} id="cd-by-hand" />
    <p>A single update says little. Here are a thousand, all from the same machine, around the gradient that they estimate.
      Their scatter is noise and averages out. The remaining distance to the tip of the arrow is bias: a single sweep is not enough to forget the target.</p>
    <${Cloud} />
    <${Card} id="average" />
    <p>CD-k makes k sweeps for each update and starts each time from the target. Persistent chains (PCD) make one sweep and continue from where they were: as long as the parameters do not change,
      the t-th update of PCD is as good as CD-t and costs one sweep. The price is memory: its updates are not independent, and if the rate is too high, the model changes faster than its chains can follow.</p>
    <${Sweeps} />
    <${Stationary} step=${step} />
  `;
}

const EVERY_ROW = 64;

/** The two terms of the derivative and the step: a number per parameter, each of which opens to show its sum. */
function Terms(/** @type {{step: Step}} */ { step }) {
  const { rate, temperature: T, biases, positive, negative, delta } = step;
  const digits = digitsFor(delta.b.length + Number(biases));
  /** @param {"positive" | "negative"} name @param {string} caption @param {string} aside @param {(place: Place) => [any, number][]} rows @param {(product: string) => string} tex */
  const term = (name, caption, aside, rows, tex) => html`<${Grid} caption=${caption} aside=${aside} values=${step[name]} biases=${biases} test=${name}
    cell=${(/** @type {Place} */ place, /** @type {number} */ x) => html`<${Summed} value=${x} text=${fixed(x, digits)} label=${`${name} term of ${nameOf(place)}`}
      total=${`sum, to ${digits} digits`} rows=${() => rows(place)} tex=${tex(product(place))} />`} />`;
  return html`<section class="card terms"><h3>The two terms and the step</h3>
    <div class="grids">
      ${term("positive", "A, positive term", `v held at ${step.target}`, (place) => heldRows(step, place), (vh) => `\\langle ${vh} \\rangle_v = \\sum_h p(h \\mid v)\\, ${vh}`)}
      ${term("negative", "B, negative term", "nothing held", (place) => freeRows(step, place), (vh) => `\\langle ${vh} \\rangle_{vh} = \\sum_{v,h} p(v, h)\\, ${vh}`)}
      <${Grid} caption="\u0394, the step" aside=${T === 1 ? `\u03b7 = ${plain(rate, 4)}` : `\u03b7/T = ${plain(rate, 4)}/${plain(T)}`} values=${delta} biases=${biases} test="delta"
        cell=${(/** @type {Place} */ place, /** @type {number} */ x) => html`<span class=${x < 0 ? "minus" : "plus"}><${Summed} value=${x} text=${signed(x, digits)} label=${`step of ${nameOf(place)}`}
          total=${`times \u03b7/T = ${plain(rate / T, 6)}`} rows=${() => [["A", valueAt(positive, place)], ["\u2212 B", -valueAt(negative, place)]]} tex=${`\\Delta ${letter(place)} = \\frac{\\eta}{T}\\,(A - B)`} /></span>`} />
    </div>
    <p class="soft">Click any number to see how it is computed.</p>
  </section>`;
}

/** v_i h_j, or the one unit of a bias, in TeX. @param {Place} place */
function product([letter, i, j]) {
  return letter === "w" ? `v_{${i + 1}} h_{${j + 1}}` : `${letter === "a" ? "v" : "h"}_{${i + 1}}`;
}

function letter(/** @type {Place} */ [letter, i, j]) {
  return letter === "w" ? `w_{${i + 1}${j + 1}}` : `${letter}_{${i + 1}}`;
}

/** The bits that a configuration's probability is multiplied by. */
function bitsAt(/** @type {Place} */ [letter, i, j], /** @type {string} */ v, /** @type {string} */ h) {
  return letter === "w" ? [Number(v[i]), Number(h[j])] : [Number(letter === "a" ? v[i] : h[i])];
}

/** @param {string} name @param {number} p @param {number[]} bits @returns {[any, number]} */
function row(name, p, bits) {
  const on = bits.every((bit) => bit === 1);
  return [html`<span class=${on ? "term" : "term soft"}>${name}\u2002${fixed(p, DIGITS)}${bits.map((bit) => ` \u00b7 ${bit}`)}</span>`, on ? p : 0];
}

function heldRows(/** @type {Step} */ { target, hidden }, /** @type {Place} */ place) {
  return hidden.states.map((h, n) => row(`h = ${h}`, hidden.given_target[n], bitsAt(place, target, h)));
}

/** Of a long table only the rows that count. @returns {[any, number][]} */
function freeRows(/** @type {Step} */ step, /** @type {Place} */ place) {
  const { before } = step.rows.probability;
  const all = step.visible.states.flatMap((v) => step.hidden.states.map((h) => ({ v, h, bits: bitsAt(place, v, h) }))).map((r, n) => ({ ...r, p: before[n] }));
  if (all.length <= EVERY_ROW) return all.map((r) => row(`(${r.v}, ${r.h})`, r.p, r.bits));
  return all.filter((r) => r.bits.every((bit) => bit === 1)).map((r) => [`p(${r.v}, ${r.h})`, r.p]);
}
