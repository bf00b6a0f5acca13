/** What a Gibbs chain of a small RBM converges to, how fast, and the exact errors of its frequencies of visits.
 *
 * A sweep takes (v, h) to (v', h') with probability p(v'|h) p(h'|v'). With the singular values s_k, the largest being 1, of
 * B[v, h] = sqrt(p(v|h) p(h|v)) = sum_k s_k W[v, k] U[h, k], a chain that is at (v, h) is there again n sweeps later with
 * probability B[v, h] sum_k s_k^(2n-1) W[v, k] U[h, k]. Summed over n this gives the error of a frequency of visits exactly,
 * autocorrelation and all, with no division that could fail at low temperature.
 *
 * References: J. Kemeny and J. Snell, "Finite Markov chains" (1960), section 4.6 (variance of the number of visits); A. de Moivre,
 * "Miscellanea analytica" (1730), by way of P. Diaconis and S. Zabell, Statistical Science 6 (1991) (mean absolute deviation);
 * C. Loader, "Fast and accurate computation of binomial probabilities" (2000); M. Hestenes, J. SIAM 6 (1958) (one-sided Jacobi). */

import { tabulate } from "./rbm.js";

/** Below this n (1 - lambda), sums over lags come from their expansion: the closed form would lose its digits. */
const NEARLY_STILL = 1e-4;
/** Columns are orthogonal, and singular values 1, up to this. */
const ROUNDING = 1e-15;
const MAX_ROUNDS = 60;
/** The least probability that is not taken for 0. */
const LEAST = 1e-300;

export class Convergence {
  constructor(/** @type {Tables} */ tables) {
    this.tables = tables;
    const { n, m, hiddenGivenVisible: up, visibleGivenHidden: down } = tables;
    /** sqrt(p(v|h) p(h|v)) `[n, m]`. */
    this.both = tabulate(n * m, (k) => Math.sqrt(up[k]) * Math.sqrt(down[(k % m) * n + Math.floor(k / m)]));
    const { left, right } = orthogonalize(this.both, n, m);
    this.left = left;
    this.right = right;
    /** A sweep's eigenvalues, the squares of the singular values; that of the stationary distribution is 1. */
    const squares = left.map((column) => Math.min(1, column.reduce((sum, x) => sum + x * x, 0)));
    squares[squares.indexOf(Math.max(...squares))] = 1;
    this.eigenvalues = squares;
  }

  /** The factor by which a sweep shrinks what the chain remembers the longest. */
  get memory() {
    return [...this.eigenvalues].sort((p, q) => q - p)[1] ?? 0;
  }

  /** 1 / (1 - lambda) in sweeps, lambda a sweep's second eigenvalue; null where float64 cannot tell it from 1. */
  get relaxation() {
    return 1 - this.memory > 1e-13 ? 1 / (1 - this.memory) : null;
  }

  /** Standard errors of the frequencies of (v, h) `[n m]` and of v `[n]` in a number of sweeps, from equilibrium on. @param {number} sweeps */
  errors(sweeps) {
    const { n, m, joint, visible } = this.tables;
    const weights = this.eigenvalues.map((x) => sumOverLags(1 - x, sweeps));
    const joined = Array.from(joint, (p, at) => {
      const [v, h] = [Math.floor(at / m), at % m];
      let returns = 0;
      for (let k = 0; k < m; k++) returns += this.left[k][v] * weights[k] * this.right[k][h];
      return errorOf(p, this.both[at] * returns, sweeps);
    });
    const alone = Array.from({ length: n }, (_, v) => errorOf(visible[v], this.left.reduce((sum, column, k) => sum + column[v] ** 2 * weights[k], 0), sweeps));
    return { joint: joined, visible: alone };
  }
}

/** Rotate the columns of a matrix `[n, m]` against each other until they are orthogonal: matrix = sum_k left_k right_k^T, the lengths
 * of the `left` being the singular values. @param {Float64Array} matrix @param {number} n @param {number} m */
function orthogonalize(matrix, n, m) {
  const left = Array.from({ length: m }, (_, h) => tabulate(n, (v) => matrix[v * m + h]));
  const right = left.map((_, h) => tabulate(m, (k) => (k === h ? 1 : 0)));
  for (let [round, turned] = [0, true]; turned && round < MAX_ROUNDS; round++) {
    turned = false;
    for (let p = 0; p < m; p++) {
      for (let q = p + 1; q < m; q++) {
        let [pp, qq, pq] = [0, 0, 0];
        const [x, y] = [left[p], left[q]];
        for (let v = 0; v < n; v++) {
          pp += x[v] * x[v];
          qq += y[v] * y[v];
          pq += x[v] * y[v];
        }
        if (Math.abs(pq) <= ROUNDING * Math.sqrt(pp * qq) + LEAST) continue;
        turned = true;
        const zeta = (qq - pp) / (2 * pq);
        const tangent = Math.sign(zeta || 1) / (Math.abs(zeta) + Math.hypot(1, zeta));
        const cosine = 1 / Math.hypot(1, tangent);
        rotate(x, y, cosine, cosine * tangent);
        rotate(right[p], right[q], cosine, cosine * tangent);
      }
    }
  }
  return { left, right };
}

function rotate(/** @type {Float64Array} */ x, /** @type {Float64Array} */ y, /** @type {number} */ cosine, /** @type {number} */ sine) {
  for (let k = 0; k < x.length; k++) {
    const before = x[k];
    x[k] = cosine * before - sine * y[k];
    y[k] = sine * before + cosine * y[k];
  }
}

/** sum over k = 1 .. n - 1 of (1 - k/n) (1 - gap)^(k - 1). @param {number} gap @param {number} n */
function sumOverLags(gap, n) {
  if (n * gap < NEARLY_STILL) return (n - 1) / 2 - (gap * (n - 1) * (n - 2)) / 6;
  return (n * gap + Math.expm1(n * Math.log1p(-gap))) / (n * gap ** 2);
}

/** Of the mean of n indicators of probability p. @param {number} p @param {number} returns the chances of return at all lags @param {number} n */
function errorOf(p, returns, n) {
  return Math.sqrt(Math.max(0, p * (1 - p) + 2 * p * (returns - (p * (n - 1)) / 2)) / n);
}

/** Total variation distance, half the sum of |f - p|: the largest error in the probability of any set of rows. */
export function distance(/** @type {ArrayLike<number>} */ frequency, /** @type {ArrayLike<number>} */ probability) {
  let sum = 0;
  for (let k = 0; k < frequency.length; k++) sum += Math.abs(frequency[k] - probability[k]);
  return sum / 2;
}

/** The total variation distance to expect of the frequencies in n independent draws, exactly. @param {ArrayLike<number>} probability @param {number} n */
export function distanceOfDraws(probability, n) {
  let sum = 0;
  for (let k = 0; k < probability.length; k++) {
    const p = probability[k];
    const above = Math.floor(n * p) + 1;
    if (p >= LEAST && above <= n) sum += (above * (1 - p) * binomial(above, n, p)) / n;
  }
  return sum;
}

/** The probability of x successes in n trials, x > 0. @param {number} x @param {number} n @param {number} p */
function binomial(x, n, p) {
  if (x === n) return Math.exp(n * Math.log(p));
  const log = stirlingError(n) - stirlingError(x) - stirlingError(n - x) - deviance(x, n * p) - deviance(n - x, n * (1 - p));
  return Math.exp(log) * Math.sqrt(n / (2 * Math.PI * x * (n - x)));
}

/** ln n! less Stirling's formula. @param {number} n */
function stirlingError(n) {
  if (n >= 16) {
    const square = n * n;
    return (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - 1 / 1188 / square) / square) / square) / square) / n;
  }
  let factorial = 1;
  for (let k = 2; k <= n; k++) factorial *= k;
  return Math.log(factorial) - (0.5 * Math.log(2 * Math.PI * n) + n * Math.log(n) - n);
}

/** x ln(x / mean) + mean - x for an x near the mean. @param {number} x @param {number} mean */
function deviance(x, mean) {
  return x * Math.log1p((x - mean) / mean) - (x - mean);
}
