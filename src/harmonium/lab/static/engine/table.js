/** All states of small layers, and what sums over them: the joint table, ln Z, exact expectations. States are in counting order,
 * the first unit changing slowest: 00, 01, 10, 11. */
import { createRbm, dot, freeEnergies, hiddenInputs, hiddenMeans, logSumExp, sigmoid, softplus, statistics, tabulate, transposed, visibleMeans } from "./rbm.js";

/** The most units of the smaller layer that is summed out: 2^20 states. */
export const MAX_ENUMERATED = 20;
/** e to a larger power may overflow. */
const MAX_EXPONENT = 700;
/** Many states are taken in blocks of this number. */
const BLOCK = 1024;

/** Neighboring states, all of them by default, `[count, units]`. @param {number} units */
export function states(units, first = 0, count = 1 << units) {
  const bits = new Float64Array(count * units);
  for (let n = first, k = 0; n < first + count; n++) for (let i = units - 1; i >= 0; i--, k++) bits[k] = (n >> i) & 1;
  return bits;
}

/** All states as text: "00", "01". @param {number} units */
export function texts(units) {
  return Array.from({ length: 1 << units }, (_, n) => n.toString(2).padStart(units, "0"));
}

/** The place of a state among `states`. @param {ArrayLike<number>} bits */
export function numberOf(bits) {
  let number = 0;
  for (let i = 0; i < bits.length; i++) number = 2 * number + bits[i];
  return number;
}

/** The tables of an RBM of few units. Matrices are flat: `[n, m]` has n rows of v, m columns of h. */
export class Tables {
  constructor(/** @type {Rbm} */ rbm) {
    const { V, H, a, temperature } = rbm;
    const [n, m] = [1 << V, 1 << H];
    const [v, h] = [states(V), states(H)];
    const row = (/** @type {Float64Array} */ matrix, /** @type {number} */ k, /** @type {number} */ length) => matrix.subarray(k * length, (k + 1) * length);
    const inputs = hiddenInputs(rbm, v);
    this.rbm = rbm;
    this.n = n;
    this.m = m;
    this.v = v;
    this.h = h;
    /** E(v, h) `[n, m]`, not divided by the temperature. */
    this.energy = tabulate(n * m, (k) => 0 - dot(a, row(v, Math.floor(k / m), V)) - dot(row(h, k % m, H), row(inputs, Math.floor(k / m), H)));
    /** -E / T `[n, m]`. */
    this.exponent = this.energy.map((e) => 0 - e / temperature);
    /** ln Z (nats). */
    this.logPartition = logSumExp(this.exponent);
    /** p(v, h) `[n, m]`. */
    this.joint = this.exponent.map((x) => Math.exp(x - this.logPartition));
    /** p(v) `[n]`. */
    this.visible = tabulate(n, (k) => row(this.joint, k, m).reduce((sum, p) => sum + p, 0));
    /** p(h) `[m]`. */
    this.hidden = new Float64Array(m);
    this.joint.forEach((p, k) => (this.hidden[k % m] += p));
    /** ln p(v) `[n]`, finite where p(v) is too small to be held. */
    this.logVisible = tabulate(n, (k) => logSumExp(row(this.exponent, k, m)) - this.logPartition);
    /** p(h_j = 1 | v) `[n, H]`. */
    this.hiddenMeans = hiddenMeans(rbm, v);
    /** p(v_i = 1 | h) `[m, V]`. */
    this.visibleMeans = visibleMeans(rbm, h);
    /** p(h | v) `[n, m]`. */
    this.hiddenGivenVisible = conditional(rbm, v);
    /** p(v | h) `[m, n]`. */
    this.visibleGivenHidden = conditional(transposed(rbm), h);
    /** The negative term: expectations under p(v, h). */
    this.negative = this.positive(this.visible);
  }

  /** The positive term: expectations under q(v) p(h|v). @param {ArrayLike<number>} q `[n]` */
  positive(q) {
    return statistics(this.rbm, this.v, q);
  }

  /** All probability on one visible state, `[n]`. @param {ArrayLike<number>} v */
  only(v) {
    const q = new Float64Array(this.n);
    q[numberOf(v)] = 1;
    return q;
  }

  /** The distribution `[n m]` of (v, h) with h drawn given v. @param {Float64Array} visible `[n]` */
  withHidden(visible) {
    return this.hiddenGivenVisible.map((p, k) => p * visible[Math.floor(k / this.m)]);
  }

  /** The distribution `[n]` of v one Gibbs sweep later. @param {Float64Array} visible */
  sweep(visible) {
    const { n, m, hiddenGivenVisible: up, visibleGivenHidden: down } = this;
    const [hidden, next] = [new Float64Array(m), new Float64Array(n)];
    for (let v = 0; v < n; v++) for (let h = 0; h < m; h++) hidden[h] += visible[v] * up[v * m + h];
    for (let h = 0; h < m; h++) for (let v = 0; v < n; v++) next[v] += hidden[h] * down[h * n + v];
    return next;
  }
}

/** p(h | v) of all h, `[rows, 2^H]`, as products of sigmoids. @param {Rbm} rbm @param {Float64Array} v `[rows V]` */
export function conditional(rbm, v) {
  const { H, temperature } = rbm;
  const inputs = hiddenInputs(rbm, v);
  const table = new Float64Array((inputs.length / H) << H);
  for (let at = 0, row = 0; at < inputs.length; at += H, row += 1 << H) {
    table[row] = 1;
    // Each unit splits every probability so far in two.
    for (let j = 0; j < H; j++) {
      const x = inputs[at + j] / temperature;
      const [on, off] = [sigmoid(x), sigmoid(-x)];
      for (let n = (1 << j) - 1; n >= 0; n--) {
        table[row + 2 * n + 1] = table[row + n] * on;
        table[row + 2 * n] = table[row + n] * off;
      }
    }
  }
  return table;
}

/** ln p(h | v) `[rows of v, rows of h]` = sum_j ln sigma(S_j / T) where h_j = 1, ln sigma(-S_j / T) where it is 0. */
export function logConditional(/** @type {Rbm} */ rbm, /** @type {Float64Array} */ v, /** @type {Float64Array} */ h) {
  const { V, H, temperature } = rbm;
  const m = h.length / H;
  const inputs = hiddenInputs(rbm, v);
  return tabulate((v.length / V) * m, (k) => {
    let sum = 0;
    for (let j = 0; j < H; j++) {
      const x = inputs[Math.floor(k / m) * H + j] / temperature;
      sum -= softplus(h[(k % m) * H + j] ? -x : x);
    }
    return sum;
  });
}

/** ln p(v) of all visible states, `[2^V]`, for few visible units and any number of hidden ones. @param {Rbm} rbm */
export function logVisible(rbm) {
  const exponents = exponentsOf(rbm);
  const logZ = logSumExp(exponents);
  return exponents.map((x) => x - logZ);
}

/** ln Z (nats), by summing out the larger layer and enumerating the smaller one.
 * @param {Rbm} rbm whose smaller layer has at most `MAX_ENUMERATED` units */
export function logPartition(rbm) {
  const smaller = smallerFirst(rbm);
  return (smaller.V > 1 ? logPartitionByHalves(smaller) : null) ?? logSumExp(exponentsOf(smaller));
}

/** The negative term, <v_i h_j>, <v_i>, <h_j> under p(v, h), in the layout of the parameters, by enumerating the smaller layer.
 * @param {Rbm} rbm whose smaller layer has at most `MAX_ENUMERATED` units */
export function moments(rbm) {
  const smaller = smallerFirst(rbm);
  const logZ = logPartition(smaller);
  const sums = createRbm(smaller.V, smaller.H);
  for (const v of blocksOf(smaller.V)) {
    const probability = freeEnergies(smaller, v).map((f) => Math.exp(-f / rbm.temperature - logZ));
    statistics(smaller, v, probability, sums);
  }
  return (smaller === rbm ? sums : transposed(sums)).theta;
}

/** The RBM, with its layers exchanged if its hidden one is the smaller. @param {Rbm} rbm */
function smallerFirst(rbm) {
  const units = Math.min(rbm.V, rbm.H);
  if (units > MAX_ENUMERATED) throw new RangeError(`a layer of ${units} units has too many states to be enumerated: at most ${MAX_ENUMERATED} units can be`);
  return rbm.V <= rbm.H ? rbm : transposed(rbm);
}

/** All states of a layer, block by block. @param {number} units */
function* blocksOf(units) {
  const count = Math.min(BLOCK, 1 << units);
  for (let first = 0; first < 1 << units; first += count) yield states(units, first, count);
}

/** -F(v) / T of all visible states, `[2^V]`. @param {Rbm} rbm */
function exponentsOf(rbm) {
  const exponents = new Float64Array(1 << rbm.V);
  let number = 0;
  for (const v of blocksOf(rbm.V)) for (const f of freeEnergies(rbm, v)) exponents[number++] = -f / rbm.temperature;
  return exponents;
}

/** ln Z with the exponentials of the states of half the visible units only: a hidden unit's input is x + y, one part from each
 * half, so that its factor is 1 + e^x e^y. null where the exponentials overflow. @param {Rbm} rbm of at least 2 visible units */
function logPartitionByHalves({ V, H, weights, a, b, temperature }) {
  const middle = V >> 1;
  const [one, two] = [[0, middle], [middle, V]].map(([from, to]) => {
    const half = createRbm(to - from, H, Float64Array.from([...weights.subarray(from * H, to * H), ...a.subarray(from, to), ...(from ? new Float64Array(H) : b)]));
    const v = states(half.V);
    const inputs = hiddenInputs(half, v).map((x) => x / temperature);
    const most = new Float64Array(H).fill(-Infinity);
    inputs.forEach((x, k) => (most[k % H] = Math.max(most[k % H], x)));
    return { inputs, most, field: Float64Array.from({ length: 1 << half.V }, (_, n) => dot(half.a, v.subarray(n * half.V, (n + 1) * half.V)) / temperature) };
  });
  const x = one.inputs.map((value, k) => Math.exp(value - one.most[k % H]));
  const y = two.inputs.map((value, k) => Math.exp(value + one.most[k % H]));
  // The products of so many factors cannot overflow.
  const ends = /** @type {number[]} */ ([]);
  let exponent = 0;
  for (let j = 0; j < H; j++) {
    const factor = Math.max(0, one.most[j] + two.most[j]) + Math.LN2;
    if (factor > MAX_EXPONENT) return null;
    if (exponent + factor > MAX_EXPONENT) ends.push(j);
    exponent = exponent + factor > MAX_EXPONENT ? factor : exponent + factor;
  }
  ends.push(H);
  const of = new Float64Array(two.field.length);
  return logSumExp(one.field.map((field, n) => {
    for (let m = 0; m < of.length; m++) {
      of[m] = two.field[m];
      let [j, k, l] = [0, n * H, m * H];
      for (const end of ends) {
        let product = 1;
        for (; j < end; j++, k++, l++) product *= 1 + x[k] * y[l];
        of[m] += Math.log(product);
      }
    }
    return field + logSumExp(of);
  }));
}
