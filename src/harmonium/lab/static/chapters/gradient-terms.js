/** The two terms of the derivative and the step: a number per parameter, each of which opens to show its sum. */
import { html } from "../html.js";
import { DIGITS, fixed, plain, signed } from "../format.js";
import { Summed } from "../ui/sum.js";
import { at, digitsFor, Grid, nameOf } from "./gradient-given.js";

/** @typedef {import("../answers/gradient.js").Step} Step */
/** @typedef {import("./gradient-given.js").Place} Place */

const EVERY_ROW = 64;

/** @param {{step: Step}} props */
export function Terms({ step }) {
  const digits = digitsFor(step.machine, step.biases);
  const v = [...step.target].map(Number);
  const times = step.rate / step.temperature;
  return html`<section class="card terms"><h3>The two terms and the step</h3>
    <div class="grids">
      <${Grid} caption="A, positive term" aside=${`v held at ${step.target}`} values=${step.positive} biases=${step.biases} test="positive"
        cell=${(/** @type {Place} */ place, /** @type {number} */ x) =>
          html`<${Summed} value=${x} text=${fixed(x, digits)} label=${`positive term of ${nameOf(place)}`}
            total=${together(digits)} rows=${() => heldRows(step, v, place)}
            tex=${`\\langle ${product(place)} \\rangle_v = \\sum_h p(h \\mid v)\\, ${product(place)}`} />`} />
      <${Grid} caption="B, negative term" aside="nothing held" values=${step.negative} biases=${step.biases} test="negative"
        cell=${(/** @type {Place} */ place, /** @type {number} */ x) =>
          html`<${Summed} value=${x} text=${fixed(x, digits)} label=${`negative term of ${nameOf(place)}`}
            total=${together(digits)} rows=${() => freeRows(step, place)} tex=${`\\langle ${product(place)} \\rangle_{vh} = \\sum_{v,h} p(v, h)\\, ${product(place)}`} />`} />
      <${Grid} caption="\u0394, the step" aside=${step.temperature === 1 ? `\u03b7 = ${plain(step.rate, 4)}` : `\u03b7/T = ${plain(step.rate, 4)}/${plain(step.temperature)}`}
        values=${step.delta} biases=${step.biases} test="delta"
        cell=${(/** @type {Place} */ place, /** @type {number} */ x) =>
          html`<span class=${x < 0 ? "minus" : "plus"}><${Summed} value=${x} text=${signed(x, digits)} label=${`step of ${nameOf(place)}`}
            total=${`times \u03b7/T = ${plain(times, 6)}`} rows=${() => [["A", at(step.positive, place)], ["\u2212 B", -at(step.negative, place)]]}
            tex=${`\\Delta ${letter(place)} = \\frac{\\eta}{T}\\,(A - B)`} /></span>`} />
    </div>
    <p class="soft">Click any number to see how it is computed.</p>
  </section>`;
}

/** @param {number} digits */
const together = (digits) => `sum, to ${digits} digits`;

/** v_i h_j, or the one unit of a bias, in TeX. @param {Place} place */
function product([letter, i, j]) {
  return letter === "w" ? `v_{${i + 1}} h_{${j + 1}}` : `${letter === "a" ? "v" : "h"}_{${i + 1}}`;
}

/** @param {Place} place */
function letter([letter, i, j]) {
  return letter === "w" ? `w_{${i + 1}${j + 1}}` : `${letter}_{${i + 1}}`;
}

/** The bits that a configuration's probability is multiplied by. @param {Place} place @param {number[] | string} v @param {number[] | string} h */
function bitsAt([letter, i, j], v, h) {
  return letter === "w" ? [Number(v[i]), Number(h[j])] : [Number(letter === "a" ? v[i] : h[i])];
}

/** @param {string} name @param {number} p @param {number[]} bits @returns {[any, number]} */
function row(name, p, bits) {
  const on = bits.every((bit) => bit === 1);
  return [html`<span class=${on ? "term" : "term soft"}>${name}\u2002${fixed(p, DIGITS)}${bits.map((bit) => ` \u00b7 ${bit}`)}</span>`, on ? p : 0];
}

/** @param {Step} step @param {number[]} v @param {Place} place */
function heldRows(step, v, place) {
  return step.hidden.states.map((h, n) => row(`h = ${h}`, step.hidden.given_target[n], bitsAt(place, v, h)));
}

/** Of a long table only the rows that count. @param {Step} step @param {Place} place */
function freeRows(step, place) {
  const hidden = step.hidden.states;
  const all = step.visible.states.flatMap((v, n) =>
    hidden.map((h, m) => ({ v, h, p: step.rows.probability.before[n * hidden.length + m], bits: bitsAt(place, v, h) })),
  );
  if (all.length <= EVERY_ROW) return all.map((r) => row(`(${r.v}, ${r.h})`, r.p, r.bits));
  return all.filter((r) => r.bits.every((bit) => bit === 1)).map((r) => /** @type {[any, number]} */ ([`p(${r.v}, ${r.h})`, r.p]));
}
