/** All states of small layers, and what sums over them: the joint table, ln Z, exact expectations. States are in counting order,
 * the first unit changing slowest: 00, 01, 10, 11. */
import { createRbm, dot, hiddenInputs, hiddenMeans, logSumExp, sigmoid, sumSoftplus, tabulate, transposed, visibleMeans } from "./rbm.js";

/** @typedef {import("./rbm.js").Rbm} Rbm */

/** The most units of the smaller layer that is summed out: 2^20 states. */
export const MAX_ENUMERATED = 20;
/** e to a larger power may overflow. */
const MAX_EXPONENT = 700;
/** Running inputs are computed afresh this often, so that rounding does not add up. */
const RENEWED = 1024;

/** All states `[2^units, units]`. @param {number} units */
export function states(units) {
  const bits = new Float64Array(units << units);
  for (let n = 0, k = 0; n < 1 << units; n++) for (let i = units - 1; i >= 0; i--, k++) bits[k] = (n >> i) & 1;
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

/** The tables of an RBM of few units, each computed when it is first used. Matrices are flat: `[n, m]` has n rows of v, m columns
 * of h. */
export class Tables {
  /** @param {Rbm} rbm */
  constructor(rbm) {
    this.rbm = rbm;
    this.n = 1 << rbm.V;
    this.m = 1 << rbm.H;
    this.v = states(rbm.V);
    this.h = states(rbm.H);
  }

  /** E(v, h) `[n, m]`, not divided by the temperature. */
  get energy() {
    return (this.#energy ??= this.#sum());
  }

  /** -E / T `[n, m]`. */
  get exponent() {
    return (this.#exponent ??= this.energy.map((e) => 0 - e / this.rbm.temperature));
  }

  /** ln Z (nats). */
  get logPartition() {
    return (this.#logPartition ??= logSumExp(this.exponent));
  }

  /** p(v, h) `[n, m]`. */
  get joint() {
    return (this.#joint ??= this.exponent.map((x) => Math.exp(x - this.logPartition)));
  }

  /** p(v) `[n]`. */
  get visible() {
    return (this.#visible ??= tabulate(this.n, (v) => this.joint.subarray(v * this.m, (v + 1) * this.m).reduce((sum, p) => sum + p, 0)));
  }

  /** p(h) `[m]`. */
  get hidden() {
    if (!this.#hidden) {
      const sums = new Float64Array(this.m);
      this.joint.forEach((p, k) => (sums[k % this.m] += p));
      this.#hidden = sums;
    }
    return this.#hidden;
  }

  /** ln p(v) `[n]`, finite where p(v) is too small to be held. */
  get logVisible() {
    return (this.#logVisible ??= tabulate(this.n, (v) => logSumExp(this.exponent.subarray(v * this.m, (v + 1) * this.m)) - this.logPartition));
  }

  /** p(h_j = 1 | v) `[n, H]`. */
  get hiddenMeans() {
    return (this.#hiddenMeans ??= hiddenMeans(this.rbm, this.v));
  }

  /** p(v_i = 1 | h) `[m, V]`. */
  get visibleMeans() {
    return (this.#visibleMeans ??= visibleMeans(this.rbm, this.h));
  }

  /** p(h | v) `[n, m]`. */
  get hiddenGivenVisible() {
    return (this.#hiddenGivenVisible ??= conditional(this.rbm, this.v, this.h));
  }

  /** p(v | h) `[m, n]`. */
  get visibleGivenHidden() {
    return (this.#visibleGivenHidden ??= conditional(transposed(this.rbm), this.h, this.v));
  }

  /** <v_i h_j>, <v_i>, <h_j> in the layout of the parameters, when the configurations have the probabilities `[n, m]`.
   * @param {ArrayLike<number>} probability */
  expected(probability) {
    const { V, H } = this.rbm;
    const sums = createRbm(V, H);
    for (let v = 0; v < this.n; v++) {
      for (let h = 0; h < this.m; h++) {
        const p = probability[v * this.m + h];
        if (p === 0) continue;
        for (let j = 0; j < H; j++) if (this.h[h * H + j]) sums.b[j] += p;
        for (let i = 0; i < V; i++) {
          if (!this.v[v * V + i]) continue;
          sums.a[i] += p;
          for (let j = 0; j < H; j++) if (this.h[h * H + j]) sums.weights[i * H + j] += p;
        }
      }
    }
    return sums.theta;
  }

  /** The positive term: expectations under q(v) p(h|v). @param {ArrayLike<number>} q `[n]` */
  positive(q) {
    return this.expected(this.hiddenGivenVisible.map((p, k) => p * q[Math.floor(k / this.m)]));
  }

  /** The negative term: expectations under p(v, h). */
  get negative() {
    return (this.#negative ??= this.expected(this.joint));
  }

  /** All probability on one visible state, `[n]`. @param {ArrayLike<number>} v */
  only(v) {
    const q = new Float64Array(this.n);
    q[numberOf(v)] = 1;
    return q;
  }

  #sum() {
    const { V, H, a } = this.rbm;
    const inputs = hiddenInputs(this.rbm, this.v);
    return tabulate(this.n * this.m, (k) => {
      const [v, h] = [Math.floor(k / this.m), k % this.m];
      let sum = 0;
      for (let i = 0; i < V; i++) sum += this.v[v * V + i] * a[i];
      for (let j = 0; j < H; j++) sum += this.h[h * H + j] * inputs[v * H + j];
      return 0 - sum;
    });
  }

  /** @type {Float64Array | undefined} */ #energy;
  /** @type {Float64Array | undefined} */ #exponent;
  /** @type {number | undefined} */ #logPartition;
  /** @type {Float64Array | undefined} */ #joint;
  /** @type {Float64Array | undefined} */ #visible;
  /** @type {Float64Array | undefined} */ #hidden;
  /** @type {Float64Array | undefined} */ #logVisible;
  /** @type {Float64Array | undefined} */ #hiddenMeans;
  /** @type {Float64Array | undefined} */ #visibleMeans;
  /** @type {Float64Array | undefined} */ #hiddenGivenVisible;
  /** @type {Float64Array | undefined} */ #visibleGivenHidden;
  /** @type {Float64Array | undefined} */ #negative;
}

/** p(h | v) of rows `v` and columns `h` by the sigmoids, unit by unit. @param {Rbm} rbm @param {Float64Array} v @param {Float64Array} h */
export function conditional(rbm, v, h) {
  return logConditional(rbm, v, h).map(Math.exp);
}

/** ln p(h | v) `[rows of v, rows of h]` = sum_j ln sigma(S_j / T) where h_j = 1, ln sigma(-S_j / T) where it is 0.
 * @param {Rbm} rbm @param {Float64Array} v @param {Float64Array} h */
export function logConditional(rbm, v, h) {
  const { V, H, temperature } = rbm;
  const m = h.length / H;
  const inputs = hiddenInputs(rbm, v);
  return tabulate((v.length / V) * m, (k) => {
    let sum = 0;
    for (let j = 0; j < H; j++) {
      const x = inputs[Math.floor(k / m) * H + j] / temperature;
      const signed = h[(k % m) * H + j] ? x : -x;
      sum += Math.min(signed, 0) - Math.log1p(Math.exp(-Math.abs(signed)));
    }
    return sum;
  });
}

/** ln p(v) of all visible states, `[2^V]`, for few visible units and any number of hidden ones. @param {Rbm} rbm */
export function logVisible(rbm) {
  const found = new Float64Array(1 << rbm.V);
  eachVisible(rbm, (number, exponent) => (found[number] = exponent));
  const logZ = logSumExp(found);
  return found.map((x) => x - logZ);
}

/** ln Z (nats), by summing out the larger layer and enumerating the smaller one.
 * @param {Rbm} rbm whose smaller layer has at most `MAX_ENUMERATED` units */
export function logPartition(rbm) {
  const smaller = rbm.V <= rbm.H ? rbm : transposed(rbm);
  const fast = smaller.V > 1 && smaller.V <= MAX_ENUMERATED ? logPartitionByHalves(smaller) : null;
  if (fast !== null) return fast;
  let [largest, sum] = [-Infinity, 0];
  eachVisible(smaller, (_, x) => {
    if (x > largest) {
      sum = sum * Math.exp(largest - x) + 1;
      largest = x;
    } else sum += Math.exp(x - largest);
  });
  return largest + Math.log(sum);
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
  /** @type {number[]} */
  const ends = [];
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

/** The negative term, <v_i h_j>, <v_i>, <h_j> under p(v, h), in the layout of the parameters, by enumerating the smaller layer.
 * @param {Rbm} rbm whose smaller layer has at most `MAX_ENUMERATED` units */
export function moments(rbm) {
  const turned = rbm.V > rbm.H;
  const smaller = turned ? transposed(rbm) : rbm;
  const sums = createRbm(smaller.V, smaller.H);
  const logZ = logPartition(smaller);
  eachVisible(smaller, (_, exponent, bits, inputs) => {
    const p = Math.exp(exponent - logZ);
    for (let j = 0; j < smaller.H; j++) {
      const both = p * sigmoid(inputs[j] / smaller.temperature);
      sums.b[j] += both;
      for (let i = 0; i < smaller.V; i++) if (bits[i]) sums.weights[i * smaller.H + j] += both;
    }
    for (let i = 0; i < smaller.V; i++) if (bits[i]) sums.a[i] += p;
  });
  return (turned ? transposed(sums) : sums).theta;
}

/** Call `visit` with the number of every visible state, -F(v)/T, its bits and the hidden units' inputs. One bit changes at a time.
 * @param {Rbm} rbm @param {(number: number, exponent: number, bits: Float64Array, inputs: Float64Array) => void} visit */
function eachVisible(rbm, visit) {
  const { V, H, weights, a, temperature } = rbm;
  if (V > MAX_ENUMERATED) throw new RangeError(`a layer of ${V} units has too many states to be enumerated: at most ${MAX_ENUMERATED} units can be`);
  const bits = new Float64Array(V);
  const inputs = new Float64Array(H);
  let [number, field] = [0, 0];
  for (let step = 0; step < 1 << V; step++) {
    if (step % RENEWED === 0) {
      hiddenInputs(rbm, bits, inputs);
      field = a.reduce((sum, x, i) => sum + x * bits[i], 0);
    }
    visit(number, field / temperature + sumSoftplus(inputs, temperature), bits, inputs);
    // The Gray code: after step n the bit of n's lowest zero changes.
    const i = V - 1 - (31 - Math.clz32(~step & (step + 1)));
    if (i < 0) continue;
    bits[i] = 1 - bits[i];
    number ^= 1 << (V - 1 - i);
    const sign = bits[i] ? 1 : -1;
    field += sign * a[i];
    for (let j = 0, k = i * H; j < H; j++, k++) inputs[j] += sign * weights[k];
  }
}
