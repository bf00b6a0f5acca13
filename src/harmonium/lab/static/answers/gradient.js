/** Chapter 4, one gradient step: the two terms of the gradient, the step, and contrastive divergence beside them. The target is one
 * visible vector. All but the update of contrastive divergence is exact. */
import { Convergence, createRbm, derive, dot, drawLayer, exactGradient, keyOf, logVisible, machineOf, moved, numberOf, rbmOf, Tables, texts } from "../engine.js";
import { LIMITS } from "../state.js";

/** The most sweeps of contrastive divergence. */
export const SWEEPS = 30;

/** How many parameters learn: the weights only, as in the lecture, or all. They come first in a gradient. @param {Rbm} rbm @param {boolean} biases */
export function learning({ V, H, theta }, biases) {
  return biases ? theta.length : V * H;
}

/** The exact positive minus the exact negative term, of what learns. @param {Rbm} rbm @param {ArrayLike<number>} target @param {boolean} biases */
export function gradientAt(rbm, target, biases) {
  return exactGradient(rbm, target).gradient.subarray(0, learning(rbm, biases));
}

/** One exact step: both terms, the machine after it, every table before and after. */
export function stepOf(/** @type {Tables} */ tables, /** @type {number[]} */ target, /** @type {boolean} */ biases, /** @type {number} */ rate) {
  const { rbm, n, m, negative } = tables;
  const row = numberOf(target);
  const positive = tables.positive(tables.only(target));
  const delta = gradientAt(rbm, target, biases).map((x) => (rate / rbm.temperature) * x);
  const next = moved(rbm, delta);
  const after = new Tables(next);
  const gap = (/** @type {Float64Array} */ terms) => Math.max(...terms.subarray(0, learning(rbm, biases)).map((x, k) => Math.abs(x - negative[k])));
  const twice = (/** @type {(tables: Tables) => number} */ of) => ({ before: of(tables), after: of(after) });
  return {
    target: target.join(""),
    rate,
    temperature: rbm.temperature,
    biases,
    machine: machineOf(rbm, rbm.theta),
    after: machineOf(next, next.theta),
    allowed: isAllowed(next),
    positive: machineOf(rbm, positive),
    negative: machineOf(rbm, negative),
    delta: machineOf(rbm, delta),
    hidden: { states: texts(rbm.H), given_target: [...tables.hiddenGivenVisible.subarray(row * m, (row + 1) * m)] },
    visible: { states: texts(rbm.V), before: [...tables.visible], after: [...after.visible] },
    rows: { energy: { before: [...tables.energy], after: [...after.energy] }, probability: { before: [...tables.joint], after: [...after.joint] } },
    log_partition: twice((t) => t.logPartition),
    log_probability: twice((t) => t.logVisible[row]),
    probability: twice((t) => Math.exp(t.logVisible[row])),
    gap: { target: gap(positive), even: gap(tables.positive(new Float64Array(n).fill(1 / n))), model: gap(tables.positive(tables.visible)) },
  };
}

/** Exact steps in a row: the machine they lead to and ln p(target) before the first and after each. `stopped`: a further step would take
 * a parameter beyond what the page allows, so fewer were taken.
 * @param {Machine} machine @param {number} temperature @param {number[]} target @param {boolean} biases @param {number} rate @param {number} steps */
export function climb(machine, temperature, target, biases, rate, steps) {
  let rbm = rbmOf(machine, temperature);
  const row = numberOf(target);
  const log_probability = [logVisible(rbm)[row]];
  while (log_probability.length <= steps) {
    const next = moved(rbm, gradientAt(rbm, target, biases), rate / temperature);
    if (!isAllowed(next)) break;
    rbm = next;
    log_probability.push(logVisible(rbm)[row]);
  }
  const taken = log_probability.length - 1;
  return { machine: machineOf(rbm, rbm.theta), log_probability, taken, stopped: taken < steps };
}

/** One update of CD-1 in slow motion, then what it does.
 * @param {Tables} tables @param {number[]} target @param {boolean} biases @param {number} rate @param {number} seed @param {number} draw */
export function updateOf({ rbm, logVisible: before }, target, biases, rate, seed, draw) {
  const key = derive(keyOf(seed), draw);
  const layers = /** @type {Layer[]} */ ([{ bits: target }]);
  for (const up of [true, false, true]) {
    const given = layers[layers.length - 1].bits;
    layers.push(drawLayer(rbm, up, given, derive(key, layers.length)));
  }
  const [positive, negative] = [product(rbm, layers[0].bits, layers[1].bits), product(rbm, layers[2].bits, layers[3].bits)];
  const delta = positive.subarray(0, learning(rbm, biases)).map((x, k) => (rate / rbm.temperature) * (x - negative[k]));
  const next = moved(rbm, delta);
  const row = numberOf(target);
  return {
    layers,
    biases,
    rate,
    positive: machineOf(rbm, positive),
    negative: machineOf(rbm, negative),
    delta: machineOf(rbm, delta),
    machine: machineOf(rbm, rbm.theta),
    after: machineOf(next, next.theta),
    allowed: isAllowed(next),
    uphill: dot(delta, gradientAt(rbm, target, biases)),
    probability: { before: Math.exp(before[row]), after: Math.exp(logVisible(next)[row]) },
  };
}

/** v h^T, v, h in the layout of the parameters. @param {Rbm} rbm @param {ArrayLike<number>} v @param {ArrayLike<number>} h */
export function product({ V, H }, v, h) {
  const found = createRbm(V, H);
  found.a.set(v);
  found.b.set(h);
  found.weights.forEach((_, k, weights) => (weights[k] = v[Math.floor(k / H)] * h[k % H]));
  return found.theta;
}

/** The exact expectation of an update of CD-1, CD-2, ... @param {Tables} tables @param {number[]} target @param {boolean} biases @param {number} most */
export function expectedUpdates(tables, target, biases, most) {
  const positive = tables.positive(tables.only(target)).subarray(0, learning(tables.rbm, biases));
  const updates = [];
  let visible = tables.only(target);
  for (let k = 0; k < most; k++) {
    visible = tables.sweep(visible);
    const negative = tables.positive(visible);
    updates.push(positive.map((x, i) => x - negative[i]));
  }
  return updates;
}

/** How CD-k's bias shrinks with k: the exact distance of its expected update from the gradient, for k = 1, 2, ..., 30.
 * `memory`: the factor a sweep leaves of what the chain remembers the longest. `angle`: between the two, in degrees, null where one of
 * them vanishes. */
export function biasOf(/** @type {Tables} */ tables, /** @type {number[]} */ target, /** @type {boolean} */ biases) {
  const slope = gradientAt(tables.rbm, target, biases);
  const length = Math.hypot(...slope);
  const updates = expectedUpdates(tables, target, biases, SWEEPS);
  const angle = updates.map((update) => {
    const along = dot(update, slope);
    // By the arc tangent, because an arc cosine near 1 loses half of the digits.
    const across = Math.hypot(...update.map((x, k) => x * length ** 2 - along * slope[k]));
    return Math.hypot(...update) * length > 1e-12 ? (Math.atan2(across, along * length) * 180) / Math.PI : null;
  });
  return {
    sweeps: updates.map((_, k) => k + 1),
    distance: updates.map((update) => Math.hypot(...update.map((x, k) => x - slope[k]))),
    angle,
    length,
    memory: new Convergence(tables).memory,
  };
}

function isAllowed(/** @type {Rbm} */ { theta }) {
  return theta.every((x) => Math.abs(x) <= LIMITS.parameter);
}
