/** The lines of the derivation: what is said, its formula, and its numbers in this machine. */
import { Bar, chance, Choice, DIGITS, digitsFor, exact, factor, Formula, grouped, html, indexed, nameOf, Parameters, plain, probability, signed, Summed, usePage } from "../ui.js";

export const RATES = [0.01, 0.1, 1];

/** The chapter's choices. What a link brings that does not fit the machine gives way to the first choice. */
export function useDerivation() {
  const { state, setting, changeSetting } = usePage();
  const [V, H] = [state.machine.a.length, state.machine.b.length];
  const pair = setting("derivation", "pair", null);
  const fits = Array.isArray(pair) && pair.length === 2 && [V, H].every((n, k) => Number.isInteger(pair[k]) && pair[k] >= 0 && pair[k] < n);
  const lines = Number(setting("derivation", "lines", 1));
  return {
    // The first unit that the lecture's target has on.
    pair: /** @type {[number, number]} */ (fits ? pair : [Math.min(1, V - 1), 0]),
    lines: Number.isInteger(lines) && lines >= 1 ? lines : 1,
    rate: setting("derivation", "rate", 0.1, RATES),
    choose: (/** @type {{pair?: [number, number], lines?: number, rate?: number}} */ values) => changeSetting("derivation", values),
  };
}

/** The weight that the derivation follows, chosen from a small table of buttons. Without `values` they carry the weights' names. @param {{values?: number[][], test: string}} props */
export function Pairs({ values, test }) {
  const { state, setHover } = usePage();
  const { pair, choose } = useDerivation();
  const digits = digitsFor(state.machine.b.length);
  const cell = (/** @type {Place} */ place) => {
    const [, i, j] = place;
    const chosen = pair[0] === i && pair[1] === j;
    const step = values && signed(values[i][j], digits);
    const point = () => setHover({ edge: [i, j] });
    return html`<td><button type="button" class=${chosen ? "on" : ""} aria-pressed=${String(chosen)} aria-label=${step ? `${nameOf(place)}: ${step}` : nameOf(place)} data-test=${`${test}-${i}-${j}`}
      onClick=${() => choose({ pair: [i, j] })} onPointerEnter=${point} onFocus=${point} onBlur=${() => setHover(null)}>${step ?? nameOf(place)}</button></td>`;
  };
  return html`<${Parameters} class=${values ? "pairs valued" : "pairs"} onPointerLeave=${() => setHover(null)} data-test=${test} values=${state.machine} cell=${cell}
    caption=${values ? "The step of every weight. Click one to follow it" : "Choose a weight"} />`;
}

const EVERY_ROW = 64;
/** The two sums, in TeX: over h with v held, and over everything. */
const HELD = "\\sum_h e^{-E(v,h)/T}";
const FREE = "\\sum_{v'\\!,\\,h} e^{-E(v'\\!,\\,h)/T}";

/** The letters of the chosen pair, as text and in TeX. @param {Derived} derived */
function letters({ i, j }) {
  return { v: indexed("v", i + 1), h: indexed("h", j + 1), w: indexed("w", i + 1, j + 1), S: indexed("S", j + 1), a: indexed("a", i + 1), b: indexed("b", j + 1),
    vh: `v_{${i + 1}} h_{${j + 1}}`, free: `v'_{${i + 1}} h_{${j + 1}}`, weight: `w_{${i + 1}${j + 1}}`, by: `\\frac{\\partial}{\\partial w_{${i + 1}${j + 1}}}` };
}

/** One row for each h while v is held, or one for each v and h. @param {Derived} derived @param {Sums} sums */
function names(derived, sums) {
  const { v, h } = derived.states;
  return sums === derived.held ? h.map((b) => `h ${b}`) : v.flatMap((a) => h.map((b) => `v ${a}, h ${b}`));
}

/** The terms of a sum over rows that only counts those with both units on. Of a long sum, only these are shown.
 * @param {Derived} derived @param {Sums} sums @param {(n: number) => string} text @param {(n: number) => string} [written] the factor in full */
function counted(derived, sums, text, written = text) {
  const { i, j, states } = derived;
  const bits = (/** @type {number} */ n) => `${sums === derived.held ? derived.v[i] : states.v[Math.floor(n / states.h.length)][i]}\u00a0\u00b7\u00a0${states.h[n % states.h.length][j]}`;
  const all = names(derived, sums).map((name, n) => ({ name, n, on: sums.both[n] === 1 }));
  const shown = all.length > EVERY_ROW ? all.filter((row) => row.on) : all;
  return /** @type {[any, string][]} */ (shown.map(({ name, n, on }) => [html`<span class=${on ? "" : "soft"}>${name}: ${written(n)}\u00a0\u00b7\u00a0${bits(n)}</span>`, on ? text(n) : "0"]));
}

/** A line: what is said on the left, its numbers on the right. @param {{say: any, tex?: string[], children?: any}} props */
function Line({ say, tex = [], children }) {
  return html`<div class="say"><p>${say}</p>${tex.map((formula) => html`<${Formula} block tex=${formula} />`)}</div><dl class="here">${children}</dl>`;
}

/** A number of this machine with what it is. @param {{what: any, children?: any}} props */
function Fact({ what, children }) {
  return html`<div><dt>${what}</dt><dd class="num">${children}</dd></div>`;
}

/** sum e^(-E/T), or only over the rows with both units on. @param {{derived: Derived, sums: Sums, part: "bottom" | "top", test?: string}} props */
function Factors({ derived, sums, part, test }) {
  const held = sums === derived.held;
  const text = (/** @type {number} */ n) => factor(sums.factor[n], sums.exponent[n]);
  const [value, log] = part === "bottom" ? [sums.bottom, sums.log_bottom] : [sums.top, sums.log_top];
  return html`<${Summed} text=${log === null ? "0" : factor(value, log)} test=${test}
    label=${`${part === "top" ? "Boltzmann factors of the rows with both units on" : "Boltzmann factors"}, ${held ? `v = ${derived.v}` : "all rows"}`}
    tex=${part === "bottom" ? (held ? HELD : FREE) : `${held ? "\\sum_h" : "\\sum_{v,h}"} ${letters(derived).vh}\\, e^{-E(v,h)/T}`}
    rows=${() => (part === "bottom" ? names(derived, sums).map((name, n) => [name, text(n)]) : counted(derived, sums, text))} />`;
}

/** A or B: the expectation of v_i h_j. @param {{derived: Derived, sums: Sums, test?: string}} props */
function Term({ derived, sums, test }) {
  const held = sums === derived.held;
  const { vh } = letters(derived);
  const share = (/** @type {number} */ n) => probability(sums.share[n]);
  // The lecture writes p(h|v) as the quotient that it is.
  const written = held && derived.probability > 0 ? (/** @type {number} */ n) => `(${probability(derived.joint[n], 6)}\u00a0/\u00a0${probability(derived.probability, 6)})` : share;
  return html`<${Summed} text=${probability(sums.term)} test=${test} label=${held ? "term A" : "term B"}
    tex=${held ? `\\langle ${vh} \\rangle_v = \\sum_h \\frac{p(v,h)}{p(v)}\\, ${vh}` : `\\langle ${vh} \\rangle_{vh} = \\sum_{v,h} p(v,h)\\, ${vh}`}
    rows=${() => counted(derived, sums, share, written)} />`;
}

function Energy(/** @type {LineProps} */ { derived }) {
  return html`<${Line} say="As in a Hopfield net, weights and biases give each pair of vectors an energy. The lower it is, compared with that of all other pairs, the higher is the probability."
      tex=${["E(v,h) = -\\sum_{i,j} v_i\\, w_{ij}\\, h_j - \\sum_i a_i v_i - \\sum_j b_j h_j", `p(v,h) = \\frac{e^{-E(v,h)/T}}{Z}, \\quad Z = ${FREE}`]}>
    <${Fact} what=${`Z, the sum over ${grouped(derived.free.both.length)} rows`}><${Factors} derived=${derived} sums=${derived.free} part="bottom" test="sum-free" /><//><//>`;
}

function Marginal(/** @type {LineProps} */ { derived }) {
  return html`<${Line} say="The probability of v is the sum over its rows, one for each h. Z is the same in all of them." tex=${[`p(v) = \\sum_h p(v,h) = \\frac{${HELD}}{${FREE}}`]}>
    <${Fact} what=${`the rows with v = ${derived.v}`}><${Factors} derived=${derived} sums=${derived.held} part="bottom" test="sum-held" /><//>
    <${Fact} what="divided by Z: p(v)"><span data-test="p">${chance(derived.probability, derived.log_probability)}</span><//><//>`;
}

function Logarithm(/** @type {LineProps} */ { derived }) {
  return html`<${Line} say="The logarithm turns the quotient into a difference, which can be differentiated one part at a time. Where p(v) grows, so does its logarithm." tex=${[`\\ln p(v) = \\ln ${HELD} \\;-\\; \\ln ${FREE}`]}>
    <${Fact} what="ln p(v), the difference"><${Summed} value=${derived.log_probability} label="ln p(v)" test="log-p" tex=${"\\ln p(v)"}
      rows=${() => [["ln of the first sum", derived.held.log_bottom], ["\u2212 ln Z", -derived.free.log_bottom]]} /><//><//>`;
}

function Differentiate(/** @type {LineProps} */ { derived }) {
  const { w, by } = letters(derived);
  return html`<${Line} say=${`Differentiate both sides with respect to ${w}. All other weights stay as they are.`} tex=${[`${by} \\ln p(v) = ${by} \\ln ${HELD} \\;-\\; ${by} \\ln ${FREE}`]}>
    <${Fact} what=${`measured: ${w} moved by \u00b1${plain(derived.nudge.by, 8)}, the change of ln p(v) divided by that of ${w}`}><span data-test="measured">${signed(derived.nudge.slope, 6)}</span><//><//>`;
}

function OuterChain(/** @type {LineProps} */ { derived }) {
  const { by } = letters(derived);
  const one = (/** @type {Sums} */ sums) => html`1 / ${factor(sums.bottom, sums.log_bottom)}${sums.bottom === null ? "" : ` = ${exact(1 / sums.bottom)}`}`;
  return html`<${Line} say="Chain rule, first: the derivative of ln f is one over f, times the derivative of f. This is done to both parts; here is the first." tex=${[`${by} \\ln ${HELD} = \\frac{1}{${HELD}}\\; ${by} ${HELD}`]}>
    <${Fact} what="one over the first sum">${one(derived.held)}<//><${Fact} what="one over Z">${one(derived.free)}<//><//>`;
}

function InnerChain(/** @type {LineProps} */ { derived }) {
  const { by } = letters(derived);
  return html`<${Line} say=${html`Chain rule, second: the derivative of a sum is the sum of the derivatives, and that of each e<sup>f</sup> is itself, times the derivative of f.`}
      tex=${[`${by}\\, e^{-E(v,h)/T} = e^{-E(v,h)/T}\\; \\Bigl(-\\frac{1}{T}\\Bigr)\\, ${by} E(v,h)`]}>
    <${Fact} what="\u22121 / T">${plain(-1 / derived.temperature, 6)}<//><//>`;
}

function OneWeight(/** @type {LineProps} */ { derived }) {
  const { v, h, w, vh, by } = letters(derived);
  const count = (/** @type {Sums} */ sums, /** @type {string} */ test) => html`<${Summed} text=${`${grouped(sums.both.filter(Boolean).length)} of ${grouped(sums.both.length)}`} label="rows with both units on" test=${test} tex=${vh}
    rows=${() => names(derived, sums).map((name, n) => [name, String(sums.both[n])])} />`;
  return html`<${Line} say=${`In the energy, ${w} appears once, multiplied by its two units. So the derivative is \u22121 in the rows with ${v} and ${h} both on, and 0 in all others.`} tex=${[`${by} E(v,h) = -${vh}`]}>
    <${Fact} what=${`rows with ${v} and ${h} on, where v = ${derived.v}`}>${count(derived.held, "count-held")}<//><${Fact} what="among all rows">${count(derived.free, "count-free")}<//><//>`;
}

function Fractions(/** @type {LineProps} */ { derived }) {
  const { vh, free, by } = letters(derived);
  const quotient = (/** @type {Sums} */ sums, /** @type {"A" | "B"} */ name) => html`<${Fact} what=${name === "A" ? html`<b>A</b>, v held` : html`<b>B</b>, all rows`}>
      <span class="quotient"><span class="side"><${Factors} derived=${derived} sums=${sums} part="top" test=${`top-${name}`} /><span class="stroke"></span><${Factors} derived=${derived} sums=${sums} part="bottom" /></span>
        <span>= ${probability(sums.term)}</span></span><//>`;
  return html`<${Line} say="Put together, each part is a fraction: in the numerator the Boltzmann factors of the rows with both units on, in the denominator all that were summed. Call the first fraction A, the second B."
      tex=${[`${by} \\ln ${HELD} = \\frac{1}{T}\\underbrace{\\frac{\\sum_h ${vh}\\, e^{-E(v,h)/T}}{${HELD}}}_{A}`, `${by} \\ln ${FREE} = \\frac{1}{T}\\underbrace{\\frac{\\sum_{v'\\!,h} ${free}\\, e^{-E(v'\\!,h)/T}}{${FREE}}}_{B}`]}>
    ${quotient(derived.held, "A")}${quotient(derived.free, "B")}<//>`;
}

function Conditional(/** @type {LineProps} */ { derived }) {
  const n = derived.states.h.length - 1;
  return html`<${Line} say="What multiplies the two units in A is a conditional probability: by its definition, Z is in numerator and denominator, and cancels."
      tex=${["p(h \\mid v) = \\frac{p(v,h)}{p(v)} = \\frac{e^{-E(v,h)/T} / \\cancel{Z}}{\\sum_{h'} e^{-E(v,h')/T} / \\cancel{Z}}"]}>
    <${Fact} what=${`h = ${derived.states.h[n]}, given v = ${derived.v}`}><span class="quotient"><span class="side"><span>${chance(derived.joint[n], derived.held.exponent[n] - derived.free.log_bottom)}</span><span class="stroke"></span><span>${chance(derived.probability, derived.log_probability)}</span></span>
      <span>= ${probability(derived.held.share[n])}</span></span><//><//>`;
}

function TermA(/** @type {LineProps} */ { derived }) {
  const { v, h, S, vh } = letters(derived);
  const { bit, on, term } = derived.unit;
  return html`<${Line} say=${`So A is the expectation of ${v}${h} while v is held. It needs no table: ${v} is given, and the sigmoid says how often ${h} is on.`} tex=${[`A = \\sum_h p(h \\mid v)\\, ${vh} = \\langle ${vh} \\rangle_v`]}>
    <${Fact} what=${html`<b>A</b>, the sum over h`}><${Term} derived=${derived} sums=${derived.held} test="term-A" /><${Bar} share=${derived.held.term} /><//>
    <${Fact} what=${`from the sigmoid, ${v} \u00b7 \u03c3(${S}/T)`}><span data-test="term-A-sigmoid">${bit} \u00b7 ${probability(on)} <span class="whole">= ${probability(term)}</span></span><//><//>`;
}

function TermB(/** @type {LineProps} */ { derived }) {
  const { v, h, vh, free } = letters(derived);
  return html`<${Line} say=${html`In B, a Boltzmann factor is divided by Z. That is the joint probability, and B is the same expectation with nothing held: how often ${v} and ${h} are on together while the machine runs freely.
      B does not depend on v. Nothing cancels, so every row counts: ${grouped(derived.free.both.length)} here, but 2<sup>1284</sup> with 784 pixels and 500 hidden units. What cannot be summed must be sampled.`}
      tex=${[`B = \\sum_{v'\\!,h} p(v'\\!,h)\\, ${free} = \\langle ${vh} \\rangle_{vh}`]}>
    <${Fact} what=${html`<b>B</b>, the sum over v and h`}><${Term} derived=${derived} sums=${derived.free} test="term-B" /><${Bar} share=${derived.free.term} /><//><//>`;
}

function Gradient(/** @type {LineProps} */ { derived }) {
  const { weight, vh } = letters(derived);
  const T = derived.temperature;
  return html`<${Line} say="The derivative is A minus B, divided by T. Where A equals B for all weights, there is nothing left to learn." tex=${[`\\frac{\\partial \\ln p(v)}{\\partial ${weight}} = \\frac{1}{T} \\bigl( \\langle ${vh} \\rangle_v - \\langle ${vh} \\rangle_{vh} \\bigr)`]}>
    <${Fact} what=${T === 1 ? "the derivative, A \u2212 B" : `the derivative, (A \u2212 B) / ${plain(T)}`}><${Summed} value=${derived.slope} text=${signed(derived.slope, DIGITS)} label="the derivative" test="slope"
      tex=${`\\frac{\\partial \\ln p(v)}{\\partial ${weight}} = \\frac{A - B}{T}`} rows=${() => [["A", derived.held.term], ["\u2212 B", -derived.free.term]]} total=${T === 1 ? "sum" : `divided by T = ${plain(T)}`} /><//>
    <${Fact} what="as measured in line 4">${signed(derived.nudge.slope, 6)}<//><//>`;
}

function TheRule(/** @type {LineProps} */ { derived }) {
  const { rate, choose } = useDerivation();
  const { v, h, w, vh, weight } = letters(derived);
  return html`<${Line} say=${html`To make v more probable, go uphill: change the weight by the derivative, scaled by the rate \u03b7. ${derived.step === 0 ? html`Here ${v} and ${h} are on together as often while the machine sees v as while it runs freely: ${w} does not change.`
        : html`Here ${v} and ${h} are on together ${derived.step > 0 ? "more" : "less"} often while the machine sees v than while it runs freely, so ${w} ${derived.step > 0 ? "rises" : "falls"}.`}
        ${" "}Repeated over the vectors of a training set, this is stochastic gradient ascent, and the basis of contrastive divergence.`} tex=${[`\\Delta ${weight} = \\frac{\\eta}{T} \\bigl( \\langle ${vh} \\rangle_v - \\langle ${vh} \\rangle_{vh} \\bigr)`]}>
      <${Fact} what="the rate"><${Choice} label="\u03b7" value=${rate} options=${RATES.map((x) => [x, plain(x)])} onChange=${(/** @type {number} */ x) => choose({ rate: x })} test="derived-rate" /><//>
      <${Fact} what=${`the step of ${w}`}><strong><${Summed} value=${derived.step} text=${signed(derived.step, DIGITS)} label=${`the step of ${w}`} test="step"
        tex=${`\\Delta ${weight} = \\frac{\\eta}{T}\\,(A - B)`} rows=${() => [["\u03b7", plain(derived.rate)], ["the derivative", derived.slope]]} total="product" /></strong><//><//>
    <div class="all-steps"><p>Every weight changes by its own step. Click one to follow it.</p> <${Pairs} values=${derived.steps} test="steps" /></div>`;
}

function Biases(/** @type {LineProps} */ { derived }) {
  const { a, b, v, h } = letters(derived);
  const step = (/** @type {string} */ name, /** @type {BiasStep} */ bias, /** @type {string} */ test) => html`<${Fact} what=${`the step of ${name}`}><${Summed} value=${bias.step} text=${signed(bias.step, DIGITS)} label=${`the step of ${name}`} test=${test}
    tex=${"\\frac{\\eta}{T}\\,(A - B)"} rows=${() => [["A, v held", bias.held], ["\u2212 B, nothing held", -bias.free]]} total=${`times \u03b7/T = ${plain(derived.rate / derived.temperature, 6)}`} /><//>`;
  return html`<${Line} say=${`A bias appears in the energy once, multiplied by its own unit: the derivative of E with respect to ${a} is \u2212${v}, and with respect to ${b} it is \u2212${h}. All other lines stay as they are.`}
      tex=${["\\Delta a_i = \\frac{\\eta}{T} \\bigl( v_i - \\langle v_i \\rangle_{vh} \\bigr)", "\\Delta b_j = \\frac{\\eta}{T} \\bigl( p(h_j = 1 \\mid v) - \\langle h_j \\rangle_{vh} \\bigr)"]}>
    ${step(a, derived.a, "step-a")}${step(b, derived.b, "step-b")}<//>`;
}

export const LINES = [
  { title: "The energy and the probability", Body: Energy },
  { title: "The probability of v", Body: Marginal },
  { title: "A difference of two logarithms", Body: Logarithm },
  { title: "Differentiate each part", Body: Differentiate },
  { title: "The derivative of a logarithm", Body: OuterChain },
  { title: "The derivative of an exponential", Body: InnerChain },
  { title: "The derivative of the energy", Body: OneWeight },
  { title: "Two fractions", Body: Fractions },
  { title: "In A, Z cancels", Body: Conditional },
  { title: "Term A: v is held", Body: TermA },
  { title: "Term B: nothing is held", Body: TermB },
  { title: "Their difference", Body: Gradient },
  { title: "The learning rule", Body: TheRule },
  { title: "The biases", Body: Biases },
];
