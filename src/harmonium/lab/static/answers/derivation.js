/** Chapter 7: every number on the way from ln p(v) to the learning rule. */
import { logVisible, machineOf, moved, numberOf, texts } from "../engine.js";
import { finite } from "./machine.js";

/** How far a weight is moved to both sides to measure a derivative, in temperatures. */
const NUDGE = 1e-4;

/** Every number on the way from ln p(v) to the step of the weight w_ij, and of the biases of its two units.
 * `held` (v fixed) and `free` (everything) have the summands of the two logarithms: `factor` = e^(-E/T) and `both` = v_i h_j; the
 * sums `bottom` = sum factor and `top` = sum factor v_i h_j; their quotient `term`, A or B. What is too large for a float is null,
 * its logarithm not; `log_top` is null where no row counts. `joint`: p(v, h) of each h. `nudge`: the
 * derivative measured on ln p(v). */
export function derive(/** @type {Tables} */ tables, /** @type {number[]} */ v, /** @type {number} */ i, /** @type {number} */ j, /** @type {number} */ rate) {
  const { rbm, m, negative } = tables;
  const { V, H, temperature: T } = rbm;
  const row = numberOf(v);
  const [held, free] = [sums(tables, row, row + 1, i, j), sums(tables, 0, tables.n, i, j)];
  const positive = tables.positive(tables.only(v));
  const slopes = positive.map((x, k) => (x - negative[k]) / T);
  const bias = (/** @type {number} */ k) => ({ held: positive[k], free: negative[k], step: rate * slopes[k] });
  const on = tables.hiddenMeans[row * H + j];
  const by = NUDGE * T;
  const direction = rbm.theta.map((_, k) => (k === i * H + j ? 1 : 0));
  const nudged = (/** @type {number} */ x) => logVisible(moved(rbm, direction, x))[row];
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
    log_probability: tables.logVisible[row],
    joint: [...tables.joint.subarray(row * m, (row + 1) * m)],
    probability: Math.exp(tables.logVisible[row]),
    unit: { bit: v[i], on, term: v[i] * on },
    slope,
    step: rate * slope,
    steps: machineOf(rbm, slopes.map((x) => rate * x)).weights,
    nudge: { by, slope: (nudged(by) - nudged(-by)) / (2 * by) },
    a: bias(V * H + i),
    b: bias(V * H + V + j),
  };
}

/** The summands over the visible states from `first` to `end`, their sums and the quotient.
 * @param {Tables} tables @param {number} first @param {number} end @param {number} i @param {number} j */
export function sums({ exponent: exponents, m, v, h, rbm: { V, H } }, first, end, i, j) {
  const exponent = [...exponents.subarray(first * m, end * m)];
  const both = exponent.map((_, k) => v[(first + Math.floor(k / m)) * V + i] * h[(k % m) * H + j]);
  const largest = Math.max(...exponent);
  const relative = exponent.map((x) => Math.exp(x - largest));
  const log_bottom = largest + Math.log(relative.reduce((sum, x) => sum + x, 0));
  const share = exponent.map((x) => Math.exp(x - log_bottom));
  const term = share.reduce((sum, x, k) => sum + x * both[k], 0);
  const top = relative.reduce((sum, x, k) => sum + x * both[k], 0);
  return {
    exponent,
    factor: exponent.map((x) => finite(Math.exp(x))),
    both,
    share,
    bottom: finite(Math.exp(log_bottom)),
    log_bottom,
    top: top > 0 ? finite(Math.exp(largest) * top) : 0,
    log_top: term > 0 ? log_bottom + Math.log(term) : null,
    term,
  };
}
