/** Chapter 2: p(h|v) by the sigmoid, unit by unit; the joint table from it.
 *
 * Two ways lead to each probability, and they are kept apart here: `logConditional` multiplies sigmoids and never sees an energy,
 * `Tables` has the energies. Both work in logarithms, so that they can be compared however cold the machine is. */
import { hiddenInputs, logConditional, numberOf, sigmoid, texts } from "../engine.js";

const CURVE_POINTS = 121;
/** The sigmoid is drawn over at least this many temperatures on either side of zero. */
const CURVE_REACH = 4;

/** From one v: every hidden unit's input with its terms, its probability, p(h|v), and p(v) by dividing each row.
 * A unit's `input` is its `bias` + sum_i `weights`_i v_i. `factors`: p(h_j|v) of each h. `marginal`: p(v, h) / p(h|v) row by row,
 * each of which must be `visible` = p(v), the sum of the rows. What is too small for a float still has its logarithm. */
export function given(/** @type {Tables} */ tables, /** @type {number[]} */ v) {
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
 * `predicted` = p(h|v) p(v); `energies` = e^(-E/T) / Z; `largest`: the largest absolute `difference`. */
export function both(/** @type {Tables} */ { rbm, n, m, v, h: hs, exponent, joint, logPartition }, /** @type {string} */ h) {
  const conditional = logConditional(rbm, v, hs);
  const row = numberOf([...h].map(Number));
  const log_marginal = Array.from({ length: n }, (_, k) => exponent[k * m + row] - logPartition - conditional[k * m + row]);
  const predicted = Array.from(conditional, (x, k) => Math.exp(x + log_marginal[Math.floor(k / m)]));
  const difference = predicted.map((x, k) => x - joint[k]);
  return {
    row: h,
    v: texts(rbm.V),
    h: texts(rbm.H),
    marginal: log_marginal.map(Math.exp),
    conditional: Array.from(conditional, Math.exp),
    predicted,
    energies: [...joint],
    difference,
    largest: Math.max(...difference.map(Math.abs)),
  };
}
