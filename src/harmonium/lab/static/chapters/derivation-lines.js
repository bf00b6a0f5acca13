/** The lines of the derivation: what is said, its formula, and its numbers in this machine. */
import { Bar, chance, Choice, DIGITS, digitsFor, exact, factor, filler, grouped, html, indexed, nameOf, Parameters, plain, probability, signed, Summed, templateOf, usePage } from "../ui.js";

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

/** One row for each h while v is held, or one for each v and h. */
function names(/** @type {Derived} */ { states: { v, h } }, /** @type {"held" | "free"} */ of) {
  return of === "held" ? h.map((b) => `h ${b}`) : v.flatMap((a) => h.map((b) => `v ${a}, h ${b}`));
}

/** The terms of a sum over rows that only counts those with both units on. Of a long sum, only these are shown.
 * @param {Derived} derived @param {"held" | "free"} of @param {(n: number) => string} text @param {(n: number) => string} [written] the factor in full */
function counted(derived, of, text, written = text) {
  const { i, j, states } = derived;
  const bits = (/** @type {number} */ n) => `${of === "held" ? derived.v[i] : states.v[Math.floor(n / states.h.length)][i]}\u00a0\u00b7\u00a0${states.h[n % states.h.length][j]}`;
  const all = names(derived, of).map((name, n) => ({ name, n, on: derived[of].both[n] === 1 }));
  const shown = all.length > EVERY_ROW ? all.filter((row) => row.on) : all;
  return /** @type {[any, string][]} */ (shown.map(({ name, n, on }) => [html`<span class=${on ? "" : "soft"}>${name}: ${written(n)}\u00a0\u00b7\u00a0${bits(n)}</span>`, on ? text(n) : "0"]));
}

/** sum e^(-E/T), or only over the rows with both units on. @param {Of & {part: "bottom" | "top"}} props */
function Factors({ derived, of, part, vh, test }) {
  const sums = derived[of];
  const text = (/** @type {number} */ n) => factor(sums.factor[n], sums.exponent[n]);
  const [value, log] = part === "bottom" ? [sums.bottom, sums.log_bottom] : [sums.top, sums.log_top];
  return html`<${Summed} text=${log === null ? "0" : factor(value, log)} test=${test}
    label=${`${part === "top" ? "Boltzmann factors of the rows with both units on" : "Boltzmann factors"}, ${of === "held" ? `v = ${derived.v}` : "all rows"}`}
    tex=${part === "bottom" ? (of === "held" ? HELD : FREE) : `${of === "held" ? "\\sum_h" : "\\sum_{v,h}"} ${vh}\\, e^{-E(v,h)/T}`}
    rows=${() => (part === "bottom" ? names(derived, of).map((name, n) => [name, text(n)]) : counted(derived, of, text))} />`;
}

/** How many rows have both units on. @param {Of} props */
function Count({ derived, of, vh, test }) {
  const { both } = derived[of];
  return html`<${Summed} text=${`${grouped(both.filter(Boolean).length)} of ${grouped(both.length)}`} label="rows with both units on" test=${test} tex=${vh}
    rows=${() => names(derived, of).map((name, n) => [name, String(both[n])])} />`;
}

/** A or B: the expectation of v_i h_j. @param {Of} props */
function Term({ derived, of, vh, test }) {
  const { share, term } = derived[of];
  const text = (/** @type {number} */ n) => probability(share[n]);
  // The lecture writes p(h|v) as the quotient that it is.
  const written = of === "held" && derived.probability > 0 ? (/** @type {number} */ n) => `(${probability(derived.joint[n], 6)}\u00a0/\u00a0${probability(derived.probability, 6)})` : text;
  return html`<${Summed} text=${probability(term)} test=${test} label=${of === "held" ? "term A" : "term B"}
    tex=${of === "held" ? `\\langle ${vh} \\rangle_v = \\sum_h \\frac{p(v,h)}{p(v)}\\, ${vh}` : `\\langle ${vh} \\rangle_{vh} = \\sum_{v,h} p(v,h)\\, ${vh}`}
    rows=${() => counted(derived, of, text, written)} /><${Bar} share=${term} />`;
}

function LogP(/** @type {{derived: Derived}} */ { derived }) {
  return html`<${Summed} value=${derived.log_probability} label="ln p(v)" test="log-p" tex=${"\\ln p(v)"}
    rows=${() => [["ln of the first sum", derived.held.log_bottom], ["\u2212 ln Z", -derived.free.log_bottom]]} />`;
}

function Slope(/** @type {{derived: Derived, weight: string}} */ { derived: { slope, held, free, temperature: T }, weight }) {
  return html`<${Summed} value=${slope} text=${signed(slope, DIGITS)} label="the derivative" test="slope" tex=${`\\frac{\\partial \\ln p(v)}{\\partial ${weight}} = \\frac{A - B}{T}`}
    rows=${() => [["A", held.term], ["\u2212 B", -free.term]]} total=${T === 1 ? "sum" : `divided by T = ${plain(T)}`} />`;
}

function WeightStep(/** @type {{derived: Derived, weight: string, w: string}} */ { derived: { step, rate, slope }, weight, w }) {
  return html`<${Summed} value=${step} text=${signed(step, DIGITS)} label=${`the step of ${w}`} test="step" tex=${`\\Delta ${weight} = \\frac{\\eta}{T}\\,(A - B)`}
    rows=${() => [["\u03b7", plain(rate)], ["the derivative", slope]]} total="product" />`;
}

function BiasStep(/** @type {{derived: Derived, of: "a" | "b", a: string, b: string}} */ { derived, of, ...names }) {
  const [{ held, free, step }, name] = [derived[of], names[of]];
  return html`<${Summed} value=${step} text=${signed(step, DIGITS)} label=${`the step of ${name}`} test=${`step-${of}`} tex=${"\\frac{\\eta}{T}\\,(A - B)"}
    rows=${() => [["A, v held", held], ["\u2212 B, nothing held", -free]]} total=${`times \u03b7/T = ${plain(derived.rate / derived.temperature, 6)}`} />`;
}

function Rate() {
  const { rate, choose } = useDerivation();
  return html`<${Choice} label="\u03b7" value=${rate} options=${RATES.map((x) => [x, plain(x)])} onChange=${(/** @type {number} */ x) => choose({ rate: x })} test="derived-rate" />`;
}

/** The lines' titles and what makes each of the parts. */
export const LINES = [...templateOf("lines").querySelectorAll("section")].map((line) => ({ title: line.title, fill: filler(line) }));

/** The slots of the lines: letters and indices of the chosen pair, as text and in TeX, and its numbers. */
export function partsOf(/** @type {Derived} */ derived) {
  const { i, j, held, free, joint, states, unit, step, temperature: T } = derived;
  const [v, h, w] = [indexed("v", i + 1), indexed("h", j + 1), indexed("w", i + 1, j + 1)];
  const over = (/** @type {Sums} */ { bottom, log_bottom: log }) => `1 / ${factor(bottom, log)}${bottom === null ? "" : ` = ${exact(1 / bottom)}`}`;
  const last = states.h.length - 1;
  const together = `Here ${v} and ${h} are on together`;
  return {
    Factors, Count, Term, LogP, Slope, WeightStep, BiasStep, Pairs, Rate, values: derived.steps, HELD, FREE, derived, v, h, w,
    S: indexed("S", j + 1), a: indexed("a", i + 1), b: indexed("b", j + 1),
    vh: `v_{${i + 1}} h_{${j + 1}}`, free: `v'_{${i + 1}} h_{${j + 1}}`, weight: `w_{${i + 1}${j + 1}}`, by: `\\frac{\\partial}{\\partial w_{${i + 1}${j + 1}}}`,
    target: derived.v, rows: grouped(free.both.length), p: chance(derived.probability, derived.log_probability),
    nudge: plain(derived.nudge.by, 8), measured: signed(derived.nudge.slope, 6), overHeld: over(held), overFree: over(free), minusBeta: plain(-1 / T, 6),
    A: probability(held.term), B: probability(free.term), bit: unit.bit, on: probability(unit.on), unitTerm: probability(unit.term),
    last: states.h[last], lastJoint: chance(joint[last], held.exponent[last] - free.log_bottom), lastShare: probability(held.share[last]),
    difference: T === 1 ? "A \u2212 B" : `(A \u2212 B) / ${plain(T)}`,
    direction: step === 0 ? `${together} as often while the machine sees v as while it runs freely: ${w} does not change.`
      : `${together} ${step > 0 ? "more" : "less"} often while the machine sees v than while it runs freely, so ${w} ${step > 0 ? "rises" : "falls"}.`,
  };
}
