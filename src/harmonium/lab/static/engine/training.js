/** Three copies of a small RBM that learn a known distribution side by side, each with its own negative term.
 *
 * The target q(v) is known, so each has the exact positive term, the statistics expected under q(v) p(h|v). They differ only in where the
 * model's v come from:
 *
 *     exact   all v, each with its probability p(v)
 *     cd      one Gibbs sweep from chains that start at the data, drawn from q as evenly as their number allows (CD-1)
 *     pcd     one Gibbs sweep from where the chains were left at the update before (PCD-1)
 *
 * T = 1. Random numbers depend on the seed and the number of the update alone, so that ten updates at once are ten updates one by one.
 *
 * References: G. Hinton, Neural Computation 14 (2002) (CD); T. Tieleman, ICML 2008 (PCD); A. Fischer and C. Igel, "Empirical analysis of
 * the divergence of Gibbs sampling based learning algorithms for RBMs", ICANN 2010. */
import { cdGradient, exactGradient, pcdGradient } from "./gradients.js";
import { derive, keyOf, normals, sampleBits, uniform } from "./random.js";
import { createRbm, moved, statistics, visibleMeans } from "./rbm.js";
import { conditional, logVisible, numberOf, states } from "./table.js";

export const METHODS = /** @type {Method[]} */ (["exact", "cd", "pcd"]);
/** An RBM with a parameter beyond this stops learning. */
export const MAX_PARAMETER = 100;

/** -sum_v q ln q (nats). Its negative is the largest log likelihood that any model can reach. @param {Lesson} lesson */
export function entropyOf({ share }) {
  return Math.max(0, -share.reduce((sum, q) => sum + q * Math.log(q), 0));
}

/** The common start: normal weights of standard deviation `scale`, biases 0, chains with every unit on with probability 1/2. @returns {Course} */
export function begin(/** @type {Lesson} */ { V, chains, seed }, /** @type {number} */ H, /** @type {number} */ scale) {
  const key = derive(keyOf(seed), 0);
  const rbm = createRbm(V, H);
  rbm.weights.set(normals(derive(key, 0), V * H).map((x) => scale * x));
  return { update: 0, rbms: { exact: rbm, cd: rbm, pcd: rbm }, chains: sampleBits(derive(key, 1), new Float64Array(chains * H).fill(0.5)), vectors: {}, stopped: {} };
}

/** One update of each RBM that has not stopped: parameters += rate * (positive - negative). @returns {Course} */
export function advance(/** @type {Course} */ { update: before, rbms: old, chains: kept, stopped: halted }, /** @type {Lesson} */ lesson) {
  const update = before + 1;
  const key = derive(keyOf(lesson.seed), update);
  const [rbms, stopped] = [{ ...old }, { ...halted }];
  const vectors = /** @type {Course["vectors"]} */ ({});
  let chains = kept;
  for (const method of METHODS) {
    if (stopped[method]) continue;
    const rbm = old[method];
    const { negative, chains: ends } = estimate(method, rbm, chains, lesson, key);
    if (ends) vectors[method] = ends.v;
    if (ends && method === "pcd") chains = ends.h;
    const next = moved(rbm, statistics(rbm, lesson.rows, lesson.share).map((x, k) => x - negative[k]), lesson.rate);
    if (next.theta.every((x) => Math.abs(x) <= MAX_PARAMETER)) rbms[method] = next;
    else stopped[method] = update;
  }
  return { update, rbms, chains, vectors, stopped };
}

/** @returns {Estimate & {chains?: Chains}} */
function estimate(/** @type {Method} */ method, /** @type {Rbm} */ rbm, /** @type {Float64Array} */ chains, /** @type {Lesson} */ lesson, /** @type {Key} */ key) {
  if (method === "exact") return exactGradient(rbm, lesson.rows, lesson.share);
  if (method === "cd") return cdGradient(rbm, drawRows(lesson, derive(key, 0)), derive(key, 1));
  return pcdGradient(rbm, lesson.rows, chains, derive(key, 2), 1, lesson.share);
}

/** As many rows of the data as there are chains. @param {Lesson} lesson @param {Key} key */
function drawRows({ V, rows, share, chains }, key) {
  const drawn = new Float64Array(chains * V);
  const shift = uniform(key, 0);
  // Evenly spaced points with one common shift give each pattern its share of the chains, up to one.
  for (let [c, row, sum] = [0, 0, share[0]]; c < chains; c++) {
    while (row < share.length - 1 && (c + shift) / chains >= sum) sum += share[++row];
    drawn.set(rows.subarray(row * V, (row + 1) * V), c * V);
  }
  return drawn;
}

/** The figures, each summed over everything it is an expectation of. @param {Rbm} rbm @param {Lesson} lesson @returns {Measures} */
export function measure(rbm, lesson) {
  const { V, rows, share } = lesson;
  const logP = logVisible(rbm);
  const on = visibleMeans(rbm, states(rbm.H));
  let [likelihood, wrong, flawless] = [0, 0, 0];
  for (let n = 0; n < share.length; n++) {
    const v = rows.subarray(n * V, (n + 1) * V);
    const given = conditional(rbm, v);
    likelihood += share[n] * logP[numberOf(v)];
    for (let h = 0; h < given.length; h++) {
      let [same, misses] = [1, 0];
      for (let i = 0, k = h * V; i < V; i++, k++) {
        const right = v[i] ? on[k] : 1 - on[k];
        same *= right;
        misses += 1 - right;
      }
      wrong += share[n] * given[h] * misses;
      flawless += share[n] * given[h] * same;
    }
  }
  return { log_likelihood: likelihood, divergence: Math.max(0, -entropyOf(lesson) - likelihood), wrong_pixels: wrong, flawless };
}
