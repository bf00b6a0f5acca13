/** Block Gibbs sampling and parallel tempering. Keys are used as the library uses them, so that a seed makes the same chain. */
import { createRbm, freeEnergies, hiddenInputs, hiddenMeans, sigmoid, tabulate, visibleInputs, visibleMeans } from "./rbm.js";
import { derive, sampleBits, uniform } from "./random.js";

/** h ~ p(h|v). @param {Rbm} rbm @param {ArrayLike<number>} v `[rows V]` @param {Key} key @param {Float64Array} [out] */
export function sampleHidden(rbm, v, key, out) {
  const means = hiddenMeans(rbm, v, out);
  return sampleBits(key, means, means);
}

/** v ~ p(v|h). @param {Rbm} rbm @param {ArrayLike<number>} h `[rows H]` @param {Key} key @param {Float64Array} [out] */
export function sampleVisible(rbm, h, key, out) {
  const means = visibleMeans(rbm, h, out);
  return sampleBits(key, means, means);
}

/** Sample a layer as `sampleHidden` and `sampleVisible` do.
 * @param {Rbm} rbm @param {boolean} up whether h is sampled @param {ArrayLike<number>} given the other layer's state @param {Key} key @returns {Draws} */
export function drawLayer(rbm, up, given, key) {
  const input = [...(up ? hiddenInputs : visibleInputs)(rbm, given)];
  const probability = input.map((x) => sigmoid(x / rbm.temperature));
  const drawn = input.map((_, k) => uniform(key, k));
  return { input, probability, uniform: drawn, bits: probability.map((p, k) => (drawn[k] < p ? 1 : 0)) };
}

/** One state of a small layer, by its number, from the means of a table. @param {Float64Array} means `[states, units]` @param {number} given the
 * other layer's state @param {number} units @param {Key} key @param {number} [first] the place of its random numbers in the key */
export function sampleState(means, given, units, key, first = 0) {
  let number = 0;
  for (let k = 0; k < units; k++) number = 2 * number + (uniform(key, first + k) < means[given * units + k] ? 1 : 0);
  return number;
}

/** One sweep: v ~ p(v|h), then h ~ p(h|v). @param {Rbm} rbm @param {ArrayLike<number>} h `[rows H]` @param {Key} key @returns {Chains} */
export function sweep(rbm, h, key) {
  const v = sampleVisible(rbm, h, derive(key, 0));
  return { v, h: sampleHidden(rbm, v, derive(key, 1)) };
}

/** Sweeps from `h`; the states after the last. @param {Rbm} rbm @param {ArrayLike<number>} h @param {Key} key @param {number} sweeps at least 1 */
export function sweepMany(rbm, h, key, sweeps) {
  let chains = sweep(rbm, h, derive(key, 0));
  for (let n = 1; n < sweeps; n++) chains = sweep(rbm, chains.h, derive(key, n));
  return chains;
}

const [UNSEEN, UP, DOWN] = [0, 1, 2];
/** The least weight of the latest exchange in the running acceptance rates: they remember about a hundred steps. */
const MIN_WEIGHT = 0.02;

/** The RBMs of the rungs, evenly spaced in 1/T. @param {Rbm} rbm @param {number} rungs @returns {Rbm[]} */
export function rungsOf(rbm, rungs) {
  return Array.from({ length: rungs }, (_, n) => createRbm(rbm.V, rbm.H, rbm.theta.map((x) => (x / rbm.temperature) * (n / (rungs - 1)))));
}

/** A ladder with every rung at `v`. @param {ArrayLike<number>} v `[V]` @param {number} rungs @param {number} H @returns {Ladder} */
export function startLadder(v, rungs, H) {
  const pairs = () => Array(rungs - 1).fill(NaN);
  return { v: tabulate(rungs * v.length, (k) => v[k % v.length]), h: new Float64Array(H), acceptance: Array(rungs - 1).fill(1), label: Array(rungs).fill(UNSEEN), roundTrips: 0, steps: 0, chance: pairs(), drawn: pairs() };
}

/** One step of parallel tempering: a sweep on every rung, then exchanges between every second pair of neighbors, with probability
 * min(1, exp(F_a(v_a) + F_b(v_b) - F_a(v_b) - F_b(v_a))). Even and odd pairs take turns.
 * @param {Rbm[]} models as `rungsOf` makes them @param {Ladder} ladder @param {Key} key of all steps @returns {Ladder}
 *
 * References: K. Hukushima and K. Nemoto, J. Phys. Soc. Japan 65 (1996); S. Syed et al., JRSS B 84 (2022) (pairs in turn). */
export function temper(models, ladder, key) {
  const { V, H } = models[0];
  const [rungs, top] = [models.length, models.length - 1];
  const stepKey = derive(key, ladder.steps);
  const [sweepKey, exchangeKey, hiddenKey] = [0, 1, 2].map((n) => derive(stepKey, n));
  const v = models.map((rbm, n) => {
    const rungKey = derive(sweepKey, n);
    const h = sampleHidden(rbm, ladder.v.subarray(n * V, (n + 1) * V), derive(rungKey, 0));
    return sampleVisible(rbm, h, derive(rungKey, 1));
  });
  const label = [...ladder.label];
  const acceptance = [...ladder.acceptance];
  const chance = Array(rungs - 1).fill(NaN);
  const drawn = Array(rungs - 1).fill(NaN);
  const weight = Math.max(1 / (1 + Math.floor(ladder.steps / 2)), MIN_WEIGHT);
  for (let low = ladder.steps % 2; low < top; low += 2) {
    const [p, q] = [models[low], models[low + 1]];
    const pair = [...v[low], ...v[low + 1]];
    const [[own, other], [swapped, high]] = [freeEnergies(p, pair), freeEnergies(q, pair)];
    const logRatio = own + high - other - swapped;
    chance[low] = Math.min(1, Math.exp(logRatio));
    drawn[low] = uniform(derive(exchangeKey, low), 0);
    acceptance[low] += weight * (chance[low] - acceptance[low]);
    if (drawn[low] >= chance[low]) continue;
    [v[low], v[low + 1]] = [v[low + 1], v[low]];
    [label[low], label[low + 1]] = [label[low + 1], label[low]];
  }
  const roundTrips = ladder.roundTrips + (label[0] === DOWN ? 1 : 0);
  label[0] = UP;
  if (label[top] !== UNSEEN) label[top] = DOWN;
  const all = new Float64Array(rungs * V);
  v.forEach((state, n) => all.set(state, n * V));
  return { v: all, h: sampleHidden(models[top], v[top], hiddenKey, new Float64Array(H)), acceptance, label, roundTrips, steps: ladder.steps + 1, chance, drawn };
}
