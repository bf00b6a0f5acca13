/** Estimators of the gradient of the mean ln p(v), in units of v h^T: a positive minus a negative term. Divided by T it is the
 * derivative. Data are rows `v [rows V]` with shares that sum to 1; without shares every row counts the same.
 *
 * References: G. Hinton, Neural Computation 14 (2002) (CD); T. Tieleman, ICML 2008 (PCD); G. Montavon and K.-R. Mueller, "Deep
 * Boltzmann machines and the centering trick", 2012, and J. Melchior et al., JMLR 17 (2016) (centering). */
import { createRbm, dot, statistics } from "./rbm.js";
import { sampleHidden, sweepMany } from "./chains.js";
import { moments } from "./table.js";
import { derive } from "./random.js";

/** @param {Float64Array} positive @param {Float64Array} negative @returns {Estimate} */
function contrast(positive, negative) {
  return { gradient: positive.map((x, k) => x - negative[k]), positive, negative };
}

/** The gradient itself, by enumerating the smaller layer. @param {Rbm} rbm @param {ArrayLike<number>} v @param {ArrayLike<number>} [share] */
export function exactGradient(rbm, v, share) {
  return contrast(statistics(rbm, v, share), moments(rbm));
}

/** CD-k: the negative term from `k` sweeps that start at the data. Biased for every k.
 * @param {Rbm} rbm @param {Float64Array} v @param {Key} key @param {number} [k] @param {ArrayLike<number>} [share]
 * @returns {Estimate & {chains: Chains}} chains: their ends */
export function cdGradient(rbm, v, key, k = 1, share) {
  const chains = sweepMany(rbm, sampleHidden(rbm, v, derive(key, 0)), derive(key, 1), k);
  return { ...contrast(statistics(rbm, v, share), statistics(rbm, chains.v, share)), chains };
}

/** PCD-k: the negative term from chains that go on from update to update.
 * @param {Rbm} rbm @param {ArrayLike<number>} v @param {Float64Array} h of the chains @param {Key} key @param {number} [k] @param {ArrayLike<number>} [share]
 * @returns {Estimate & {chains: Chains}} */
export function pcdGradient(rbm, v, h, key, k = 1, share) {
  const chains = sweepMany(rbm, h, key, k);
  return { ...contrast(statistics(rbm, v, share), statistics(rbm, chains.v)), chains };
}

/** The gradient in the variables v - m and h - n, changed in place: the same distribution, followed in a better direction.
 * dW = <(v-m)(h-n)^T>_data - <(v-m)(h-n)^T>_model, da = <v>_data - <v>_model - dW n, db likewise with m.
 * @param {{V: number, H: number}} shape @param {Float64Array} gradient @param {ArrayLike<number>} m `[V]` @param {ArrayLike<number>} n `[H]` */
export function center({ V, H }, gradient, m, n) {
  const { weights, a, b } = createRbm(V, H, gradient);
  const [dv, dh] = [a.slice(), b.slice()];
  for (let i = 0; i < V; i++) for (let j = 0; j < H; j++) weights[i * H + j] -= m[i] * dh[j] + dv[i] * n[j];
  for (let i = 0; i < V; i++) a[i] -= dot(weights.subarray(i * H, (i + 1) * H), n);
  for (let j = 0; j < H; j++) for (let i = 0; i < V; i++) b[j] -= m[i] * weights[i * H + j];
  return gradient;
}
