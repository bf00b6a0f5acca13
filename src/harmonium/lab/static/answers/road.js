/** Chapter 2: p(h|v) by the sigmoid, unit by unit; the joint table from it; from ln p(v) to the learning rule.
 *
 * Two ways lead to each probability, and they are kept apart here: `logConditional` multiplies sigmoids and never sees an energy,
 * `Tables` has the energies. Both work in logarithms, so that they can be compared however cold the machine is. */
import { createRbm, hiddenInputs, machineOf, sigmoid } from "../engine/rbm.js";
import { logConditional, numberOf, Tables, texts } from "../engine/table.js";
import { finite } from "./machine.js";

const CURVE_POINTS = 121;
/** The sigmoid is drawn over at least this many temperatures on either side of zero. */
const CURVE_REACH = 4;
/** How far a weight is moved to both sides to measure a slope, in temperatures. */
const NUDGE = 1e-4;

/** @typedef {{bias: number, weights: number[], input: number, on: number, off: number}} Unit */
/** @typedef {{v: string, temperature: number, units: Unit[], curve: {input: number[], probability: number[]}, h: string[],
 *   factors: number[][], exponent: number[], log_partition: number, conditional: number[], log_conditional: number[], joint: number[],
 *   log_joint: number[], marginal: number[], log_marginal: number[], visible: number, log_visible: number}} Given */
/** @typedef {{row: string, v: string[], h: string[], marginal: number[], conditional: number[], road: number[], energies: number[],
 *   difference: number[], largest: number}} Both */
/** @typedef {{energy: number[], exponent: number[], weight: (number | null)[], both: number[], share: number[], bottom: number | null,
 *   log_bottom: number, top: number | null, log_top: number | null, term: number}} Sums */
/** @typedef {{v: string, i: number, j: number, temperature: number, rate: number, states: {v: string[], h: string[]}, held: Sums, free: Sums,
 *   log_probability: number, probability: number, unit: {bit: number, on: number, term: number}, slope: number, step: number,
 *   steps: number[][], nudge: {by: number, up: number, down: number, slope: number}}} Rule */

/** From one v: every hidden unit's input with its terms, its probability, p(h|v), and p(v) by dividing each row.
 *
 * A unit's `input` is its `bias` + sum_i `weights`_i v_i. `factors`: p(h_j|v) of each h. `marginal`: p(v, h) / p(h|v) row by row,
 * each of which must be `visible` = p(v), the sum of the rows. What is too small for a float still has its logarithm.
 * @param {Tables} tables @param {number[]} v @returns {Given} */
export function given(tables, v) {
  const { rbm, m, logPartition } = tables;
  const { temperature: T, weights, b, H } = rbm;
  const row = numberOf(v);
  const units = Array.from(hiddenInputs(rbm, v), (input, j) => ({ bias: b[j], weights: v.map((_, i) => weights[i * H + j]), input, on: sigmoid(input / T), off: sigmoid(-input / T) }));
  const exponent = [...tables.exponent.subarray(row * m, (row + 1) * m)];
  const log_conditional = [...logConditional(rbm, Float64Array.from(v), tables.h)];
  const log_joint = exponent.map((x) => x - logPartition);
  const log_marginal = log_joint.map((x, h) => x - log_conditional[h]);
  const reach = Math.max(CURVE_REACH * T, 1.15 * Math.max(...units.map((unit) => Math.abs(unit.input))));
  const input = Array.from({ length: CURVE_POINTS }, (_, n) => reach * ((2 * n) / (CURVE_POINTS - 1) - 1));
  return {
    v: v.join(""),
    temperature: T,
    units,
    curve: { input, probability: input.map((x) => sigmoid(x / T)) },
    h: texts(H),
    factors: texts(H).map((h) => units.map(({ on, off }, j) => (h[j] === "1" ? on : off))),
    exponent,
    log_partition: logPartition,
    conditional: log_conditional.map(Math.exp),
    log_conditional,
    joint: log_joint.map(Math.exp),
    log_joint,
    marginal: log_marginal.map(Math.exp),
    log_marginal,
    visible: Math.exp(tables.logVisible[row]),
    log_visible: tables.logVisible[row],
  };
}

/** The whole table both ways. In each block of equal v the row with hidden vector `h` gives p(v), the others follow.
 *
 * `road` = p(h|v) p(v); `energies` = e^(-E/T) / Z; `largest`: the largest absolute `difference`.
 * @param {Tables} tables @param {string} h @returns {Both} */
export function both({ rbm, n, m, v, h: hs, exponent, joint, logPartition }, h) {
  const conditional = logConditional(rbm, v, hs);
  const row = numberOf([...h].map(Number));
  const log_marginal = Array.from({ length: n }, (_, k) => exponent[k * m + row] - logPartition - conditional[k * m + row]);
  const road = Array.from(conditional, (x, k) => Math.exp(x + log_marginal[Math.floor(k / m)]));
  const difference = road.map((x, k) => x - joint[k]);
  return {
    row: h,
    v: texts(rbm.V),
    h: texts(rbm.H),
    marginal: log_marginal.map(Math.exp),
    conditional: Array.from(conditional, Math.exp),
    road,
    energies: [...joint],
    difference,
    largest: Math.max(...difference.map(Math.abs)),
  };
}

/** Every number on the way from ln p(v) to the step of the weight w_ij.
 *
 * `held` (v fixed) and `free` (everything) have the summands of the two logarithms: `weight` = e^(-E/T) and `both` = v_i h_j; the
 * sums `bottom` = sum weight and `top` = sum weight v_i h_j; their quotient `term`, A or B. What is too large for a float is null,
 * its logarithm not; `log_top` is null where no row counts. `nudge`: the slope measured on ln p(v).
 * @param {Tables} tables @param {number[]} v @param {number} i @param {number} j @param {number} rate @returns {Rule} */
export function rule(tables, v, i, j, rate) {
  const { rbm, m, logVisible } = tables;
  const { V, H, temperature: T } = rbm;
  const row = numberOf(v);
  const [held, free] = [sums(tables, row, row + 1, i, j), sums(tables, 0, tables.n, i, j)];
  const slopes = tables.positive(tables.only(v)).map((x, k) => (x - tables.negative[k]) / T);
  const on = tables.hiddenMeans[row * H + j];
  const by = NUDGE * T;
  const nudged = (/** @type {number} */ x) => {
    const theta = rbm.theta.slice();
    theta[i * H + j] += x;
    return new Tables(createRbm(V, H, theta, T)).logVisible[row];
  };
  const [up, down] = [nudged(by), nudged(-by)];
  const slope = (held.term - free.term) / T;
  return {
    v: v.join(""),
    i,
    j,
    temperature: T,
    rate,
    states: { v: texts(V), h: texts(H) },
    held,
    free,
    log_probability: logVisible[row],
    probability: Math.exp(logVisible[row]),
    unit: { bit: v[i], on, term: v[i] * on },
    slope,
    step: rate * slope,
    steps: machineOf(rbm, slopes.map((x) => rate * x)).weights,
    nudge: { by, up, down, slope: (up - down) / (2 * by) },
  };
}

/** The summands over the visible states from `first` to `end`, their sums and the quotient.
 * @param {Tables} tables @param {number} first @param {number} end @param {number} i @param {number} j @returns {Sums} */
function sums({ energy, exponent: exponents, m, v, h, rbm: { V, H } }, first, end, i, j) {
  const exponent = [...exponents.subarray(first * m, end * m)];
  const both = exponent.map((_, k) => v[(first + Math.floor(k / m)) * V + i] * h[(k % m) * H + j]);
  const largest = Math.max(...exponent);
  const relative = exponent.map((x) => Math.exp(x - largest));
  const log_bottom = largest + Math.log(relative.reduce((sum, x) => sum + x, 0));
  const share = exponent.map((x) => Math.exp(x - log_bottom));
  const term = share.reduce((sum, x, k) => sum + x * both[k], 0);
  const top = relative.reduce((sum, x, k) => sum + x * both[k], 0);
  return {
    energy: [...energy.subarray(first * m, end * m)],
    exponent,
    weight: exponent.map((x) => finite(Math.exp(x))),
    both,
    share,
    bottom: finite(Math.exp(log_bottom)),
    log_bottom,
    top: top > 0 ? finite(Math.exp(largest) * top) : 0,
    log_top: term > 0 ? log_bottom + Math.log(term) : null,
    term,
  };
}
