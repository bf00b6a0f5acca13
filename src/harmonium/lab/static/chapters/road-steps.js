/** The way from ln p(v) to the rule, step by step: what is said, its formula, and its numbers in this machine. */
import { html } from "../html.js";
import { DIGITS, grouped, indexed, plain, signed } from "../format.js";
import { Bar } from "../ui/bars.js";
import { Choice } from "../ui/controls.js";
import { Formula } from "../ui/formula.js";
import { Summed } from "../ui/sum.js";
import { chance, factor, RATES, useRoad } from "./road-given.js";
import { Pairs } from "./road-pairs.js";

/** @typedef {import("../answers/road.js").Rule} Rule */
/** @typedef {import("../answers/road.js").Sums} Sums */
/** @typedef {{rule: Rule}} Props */

const EVERY_ROW = 64;

/** The letters of the chosen pair, as text and in TeX. @param {Rule} rule */
function letters({ i, j }) {
  return { v: indexed("v", i + 1), h: indexed("h", j + 1), w: indexed("w", i + 1, j + 1), S: indexed("S", j + 1), vh: `v_{${i + 1}} h_{${j + 1}}`, weight: `w_{${i + 1}${j + 1}}` };
}

/** One row for each h while v is held, or one for each v and h. @param {Rule} rule @param {Sums} sums */
function names(rule, sums) {
  const { v, h } = rule.states;
  return sums === rule.held ? h.map((b) => `h ${b}`) : v.flatMap((a) => h.map((b) => `v ${a}, h ${b}`));
}

/** The terms of a sum over rows that only counts those with both units on. Of a long sum, only these are shown.
 * @param {Rule} rule @param {Sums} sums @param {(n: number) => string} text */
function counted(rule, sums, text) {
  const all = names(rule, sums).map((name, n) => ({ name, n, on: sums.both[n] === 1 }));
  const shown = all.length > EVERY_ROW ? all.filter((row) => row.on) : all;
  return /** @type {[any, string][]} */ (shown.map(({ name, n, on }) => [html`<span class=${on ? "" : "soft"}>${name}: ${text(n)}\u00a0\u00b7\u00a0${sums.both[n]}</span>`, on ? text(n) : "0"]));
}

/** A number of this machine with what it is. @param {{what: any, children?: any}} props */
function Fact({ what, children }) {
  return html`<div><dt>${what}</dt><dd class="num">${children}</dd></div>`;
}

/** sum e^(-E/T), or only over the rows with both units on. @param {{rule: Rule, sums: Sums, part: "bottom" | "top", test?: string}} props */
function Factors({ rule, sums, part, test }) {
  const held = sums === rule.held;
  const over = held ? "\\sum_h" : "\\sum_{v,h}";
  const text = (/** @type {number} */ n) => factor(sums.weight[n], sums.exponent[n]);
  const [value, log] = part === "bottom" ? [sums.bottom, sums.log_bottom] : [sums.top, sums.log_top];
  return html`<${Summed} value=${null} text=${log === null ? "0" : factor(value, log)} test=${test}
    label=${`${part === "top" ? "Boltzmann factors of the rows with both units on" : "Boltzmann factors"}, ${held ? `v = ${rule.v}` : "all rows"}`}
    tex=${part === "bottom" ? `${over} e^{-E(v,h)/T}` : `${over} ${letters(rule).vh}\\, e^{-E(v,h)/T}`}
    rows=${() => (part === "bottom" ? names(rule, sums).map((name, n) => [name, text(n)]) : counted(rule, sums, text))} />`;
}

/** A or B: the expectation of v_i h_j. @param {{rule: Rule, sums: Sums, test?: string, digits?: number}} props */
function Term({ rule, sums, test, digits = DIGITS }) {
  const held = sums === rule.held;
  const { vh } = letters(rule);
  return html`<${Summed} value=${null} text=${chance(sums.term, NaN, digits)} test=${test} label=${held ? "term A" : "term B"}
    tex=${held ? `\\langle ${vh} \\rangle_v = \\sum_h p(h \\mid v)\\, ${vh}` : `\\langle ${vh} \\rangle_{vh} = \\sum_{v,h} p(v,h)\\, ${vh}`}
    rows=${() => counted(rule, sums, (n) => chance(sums.share[n], NaN, digits))} />`;
}

/** @param {Props} props */
function Logarithm({ rule }) {
  return html`<div class="say">
      <p>The probability of v is its share of Z: the Boltzmann factors e<sup>\u2212E/T</sup> of the rows with this v, divided by those of all rows. The logarithm turns the quotient into a difference,
        and a difference can be differentiated one part at a time.</p>
      <${Formula} block tex=${"\\ln p(v) = \\ln \\sum_h e^{-E(v,h)/T} \\;-\\; \\ln \\sum_{v'\\!,\\,h} e^{-E(v'\\!,\\,h)/T}"} /></div>
    <dl class="here">
      <${Fact} what=${`the rows with v = ${rule.v}`}><${Factors} rule=${rule} sums=${rule.held} part="bottom" test="sum-held" /><//>
      <${Fact} what="all rows, Z"><${Factors} rule=${rule} sums=${rule.free} part="bottom" test="sum-free" /><//>
      <${Fact} what=${`ln p(v) = ln\u00a0${factor(rule.held.bottom, rule.held.log_bottom)} \u2212 ln\u00a0${factor(rule.free.bottom, rule.free.log_bottom)}`}><${Summed} value=${rule.log_probability} label="ln p(v)" test="log-p" tex=${"\\ln p(v)"}
        rows=${() => [["ln of the first", rule.held.log_bottom], ["\u2212 ln Z", -rule.free.log_bottom]]} /><//>
      <${Fact} what="p(v)"><span data-test="p">${chance(rule.probability, rule.log_probability)}</span><//>
    </dl>`;
}

/** @param {Props} props */
function OneWeight({ rule }) {
  const { v, h, w, vh, weight } = letters(rule);
  const count = (/** @type {Sums} */ sums, /** @type {string} */ test) => {
    const on = sums.both.filter(Boolean).length;
    return html`<${Summed} value=${null} text=${`${on} of ${sums.both.length}`} label="rows with both units on" test=${test} tex=${vh} rows=${() => names(rule, sums).map((name, n) => [name, String(sums.both[n])])} />`;
  };
  return html`<div class="say">
      <p>In the energy, ${w} appears once, multiplied by its two units. Raise it a little: a row with ${v} and ${h} both on has its energy lowered by the same amount, and no other row changes.</p>
      <${Formula} block tex=${`\\frac{\\partial}{\\partial ${weight}} \\left( -\\frac{E(v,h)}{T} \\right) = \\frac{${vh}}{T}`} /></div>
    <dl class="here">
      <${Fact} what=${`rows with ${v} and ${h} on, where v = ${rule.v}`}>${count(rule.held, "count-held")}<//>
      <${Fact} what="among all rows">${count(rule.free, "count-free")}<//>
    </dl>`;
}

/** @param {Props} props */
function Slope({ rule }) {
  const { v, h, vh, weight } = letters(rule);
  const vh_ = vh.replace("v", "v'\\!");
  const quotient = (/** @type {Sums} */ sums, /** @type {"A" | "B"} */ name) => html`<${Fact} what=${name === "A" ? html`<b>A</b>, v held` : html`<b>B</b>, all rows`}>
      <span class="quotient"><span class="side"><${Factors} rule=${rule} sums=${sums} part="top" test=${`top-${name}`} /><span class="stroke"></span><${Factors} rule=${rule} sums=${sums} part="bottom" /></span>
        <span>= ${chance(sums.term, NaN)}</span></span><//>`;
  return html`<div class="say">
      <p>The derivative of ln f is f\u2032 / f, and the derivative of each Boltzmann factor e<sup>\u2212E/T</sup> is itself times ${v}${h} / T. So each part becomes a fraction: in the numerator the Boltzmann factors of the rows
        with both units on, in the denominator all that were summed. Call the first fraction A, the second B.</p>
      <div class="formulas"><${Formula} block tex=${`A = \\frac{\\sum_h ${vh}\\, e^{-E(v,h)/T}}{\\sum_h e^{-E(v,h)/T}}`} />
        <${Formula} block tex=${`B = \\frac{\\sum_{v'\\!,h} ${vh_}\\, e^{-E(v'\\!,h)/T}}{\\sum_{v'\\!,h} e^{-E(v'\\!,h)/T}}`} /></div>
      <${Formula} block tex=${`\\frac{\\partial \\ln p(v)}{\\partial ${weight}} = \\frac{A - B}{T}`} /></div>
    <dl class="here">${quotient(rule.held, "A")}${quotient(rule.free, "B")}</dl>`;
}

/** @param {Props} props */
function TermA({ rule }) {
  const { v, h, S, vh } = letters(rule);
  const { bit, on, term } = rule.unit;
  return html`<div class="say">
      <p>In A, the Boltzmann factor of a row is divided by those of all rows with the same v. That is a conditional probability: in its definition, Z is in numerator and denominator, and cancels.</p>
      <${Formula} block tex=${"p(h \\mid v) = \\frac{p(v,h)}{p(v)} = \\frac{e^{-E(v,h)/T} / \\cancel{Z}}{\\sum_{h'} e^{-E(v,h')/T} / \\cancel{Z}}"} />
      <${Formula} block tex=${`A = \\sum_h p(h \\mid v)\\, ${vh} = \\langle ${vh} \\rangle_v`} />
      <p>A needs no table. ${v} is given, and the sigmoid says how often ${h} is on: A is ${v} times \u03c3(${S}/T).</p></div>
    <dl class="here">
      <${Fact} what=${html`<b>A</b>, the sum over h`}><${Term} rule=${rule} sums=${rule.held} test="term-A" /><//>
      <${Fact} what=${`from the sigmoid, ${v} \u00b7 \u03c3(${S}/T)`}><span data-test="term-A-road">${bit} \u00b7 ${chance(on, NaN)} <span class="whole">= ${chance(term, NaN)}</span></span><//>
    </dl>`;
}

/** @param {Props} props */
function TermB({ rule }) {
  const { v, h, vh } = letters(rule);
  return html`<div class="say">
      <p>In B, the Boltzmann factor of a row is divided by Z. That is the joint probability, and B is the same expectation with nothing held: how often ${v} and ${h} are on together while the machine runs freely.</p>
      <${Formula} block tex=${`B = \\sum_{v'\\!,h} p(v'\\!,h)\\, ${vh.replace("v", "v'\\!")} = \\langle ${vh} \\rangle_{vh}`} />
      <p>B does not depend on v. Nothing cancels here, so every row counts: ${grouped(rule.free.both.length)} in this machine, but 2<sup>1284</sup> with 784 pixels and 500 hidden units.
        What cannot be summed must be sampled: that is the subject of the next chapter.</p></div>
    <dl class="here">
      <${Fact} what=${html`<b>B</b>, the sum over v and h`}><${Term} rule=${rule} sums=${rule.free} test="term-B" /><${Bar} share=${rule.free.term} /><//>
      <${Fact} what=${html`<b>A</b>, for comparison`}>${chance(rule.held.term, NaN)}<${Bar} share=${rule.held.term} /><//>
    </dl>`;
}

/** @param {Props} props */
function TheRule({ rule }) {
  const { rate, choose } = useRoad();
  const { v, h, w, vh, weight } = letters(rule);
  const T = rule.temperature;
  const moves = rule.step > 0 ? "rises" : "falls";
  return html`<div class="say">
      <p>The derivative is A minus B, divided by T. To make v more probable, go uphill: change the weight by the derivative, scaled by the rate \u03b7.</p>
      <${Formula} block tex=${`\\Delta ${weight} = \\frac{\\eta}{T} \\bigl( \\langle ${vh} \\rangle_v - \\langle ${vh} \\rangle_{vh} \\bigr)`} />
      <p>${rule.step === 0 ? html`Here ${v} and ${h} are on together as often while the machine sees v as while it runs freely: ${w} does not change.`
        : html`Here ${v} and ${h} are on together ${rule.step > 0 ? "more" : "less"} often while the machine sees v than while it runs freely, so ${w} ${moves}.`}
        ${" "}No weight needs to know any other. Where A equals B for all of them, there is nothing left to learn.</p>
      <p class="soft">Numerical check: moving ${w} by \u00b1${plain(rule.nudge.by, 8)} gives the derivative
        ${" "}<span class="num" data-test="measured">${signed(rule.nudge.slope, 6)}</span>.</p></div>
    <dl class="here">
      <${Fact} what=${T === 1 ? "the derivative, A \u2212 B" : `the derivative, (A \u2212 B) / ${plain(T)}`}><${Summed} value=${rule.slope} text=${signed(rule.slope, DIGITS)} digits=${DIGITS} label="the derivative" test="slope"
        tex=${`\\frac{\\partial \\ln p(v)}{\\partial ${weight}} = \\frac{A - B}{T}`} rows=${() => [["A", rule.held.term], ["\u2212 B", -rule.free.term]]} total=${T === 1 ? "together" : `divided by T = ${plain(T)}`} /><//>
      <${Fact} what="the rate"><${Choice} label="\u03b7" value=${rate} options=${RATES.map((x) => [x, plain(x)])} onChange=${(/** @type {number} */ x) => choose({ rate: x })} test="road-rate" /><//>
      <${Fact} what=${`the step of ${w}`}><strong><${Summed} value=${rule.step} text=${signed(rule.step, DIGITS)} digits=${DIGITS} label=${`the step of ${w}`} test="step"
        tex=${`\\Delta ${weight} = \\frac{\\eta}{T}\\,(A - B)`} rows=${() => [["\u03b7", plain(rule.rate)], ["the derivative", rule.slope]]} total="their product" /></strong><//>
    </dl>
    <div class="all-steps"><p>Every weight changes by its own step. Click one to follow it.</p> <${Pairs} values=${rule.steps} test="steps" /></div>`;
}

/** What each step is called, what it says, and the question that leads to it. */
export const STEPS = [
  { title: "A difference of two logarithms", Body: Logarithm, question: "" },
  { title: "One weight, two units", Body: OneWeight, question: "What does a single weight change?" },
  { title: "The derivative of a logarithm", Body: Slope, question: "What does that do to both logarithms?" },
  { title: "Term A: v is held, and Z cancels", Body: TermA, question: "What is A?" },
  { title: "Term B: nothing is held", Body: TermB, question: "What is B?" },
  { title: "The learning rule", Body: TheRule, question: "Which way should the weight go?" },
];
