/** Chapter 4: one step up the gradient of ln p(v), exact and by contrastive divergence. */
import { Card, DIGITS, digitsFor, fixed, Grid, html, nameOf, plain, signed, Summed, Target, useMemo, usePage, valueAt, Words } from "../ui.js";
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
  return html`<${Words} of="gradient" parts=${{ Card, Target, Terms, TheStep, BeforeAndAfter, SlowMotion, Cloud, Sweeps, Stationary }} step=${step} />`;
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
