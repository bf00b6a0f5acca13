/** A restricted Boltzmann machine of binary units at a temperature T, in float64:
 *
 *     E(v, h) = -sum_ij v_i w_ij h_j - sum_i a_i v_i - sum_j b_j h_j,    p(v, h) = e^(-E/T) / Z
 *
 * All parameters are one array, `theta [V H + V + H]`: the weights row by row, then a, then b. `weights`, `a` and `b` are views
 * of it. Gradients, statistics and steps have the same layout. States of many rows are flat, row by row. */

/** @param {number} V @param {number} H @param {Float64Array} [theta] taken over, not copied @param {number} [temperature] @returns {Rbm} */
export function createRbm(V, H, theta = new Float64Array(V * H + V + H), temperature = 1) {
  const [weights, a, b] = [theta.subarray(0, V * H), theta.subarray(V * H, V * H + V), theta.subarray(V * H + V)];
  return { V, H, temperature, theta, weights, a, b };
}

/** @param {Machine} machine @param {number} [temperature] @returns {Rbm} */
export function rbmOf({ weights, a, b }, temperature = 1) {
  return createRbm(a.length, b.length, Float64Array.from([...weights.flat(), ...a, ...b]), temperature);
}

/** Anything in the layout of the parameters as the page writes them; what is missing at the end is 0. @returns {Machine} */
export function machineOf(/** @type {{V: number, H: number}} */ { V, H }, /** @type {Float64Array} */ theta) {
  const all = Array.from({ length: V * H + V + H }, (_, k) => theta[k] ?? 0);
  return { weights: Array.from({ length: V }, (_, i) => all.slice(i * H, (i + 1) * H)), a: all.slice(V * H, V * H + V), b: all.slice(V * H + V) };
}

/** The RBM after a step `by`, which may end early: with the weights, for instance. @param {Rbm} rbm @param {Float64Array} by @param {number} [rate] */
export function moved(rbm, by, rate = 1) {
  return createRbm(rbm.V, rbm.H, rbm.theta.map((x, k) => x + (k < by.length ? rate * by[k] : 0)), rbm.temperature);
}

/** S_j = b_j + sum_i v_i w_ij of the rows `v [rows V]`, `[rows H]`. @param {Rbm} rbm @param {ArrayLike<number>} v @param {Float64Array} [out] */
export function hiddenInputs({ V, H, weights, b }, v, out = new Float64Array((v.length / V) * H)) {
  for (let row = 0; row * V < v.length; row++) {
    const inputs = out.subarray(row * H, (row + 1) * H);
    inputs.set(b);
    for (let i = 0; i < V; i++) {
      const x = v[row * V + i];
      // Most states are bits, and half of them are 0.
      if (x !== 0) for (let j = 0, k = i * H; j < H; j++, k++) inputs[j] += x * weights[k];
    }
  }
  return out;
}

/** S_i = a_i + sum_j w_ij h_j of the rows `h [rows H]`, `[rows V]`. @param {Rbm} rbm @param {ArrayLike<number>} h @param {Float64Array} [out] */
export function visibleInputs({ V, H, weights, a }, h, out = new Float64Array((h.length / H) * V)) {
  for (let row = 0; row * H < h.length; row++) {
    for (let i = 0; i < V; i++) {
      let sum = a[i];
      for (let j = 0, k = i * H, at = row * H; j < H; j++, k++, at++) sum += weights[k] * h[at];
      out[row * V + i] = sum;
    }
  }
  return out;
}

/** p(h_j = 1 | v) = sigma(S_j / T), `[rows H]`. @param {Rbm} rbm @param {ArrayLike<number>} v @param {Float64Array} [out] */
export function hiddenMeans(rbm, v, out) {
  return activate(hiddenInputs(rbm, v, out), rbm.temperature);
}

/** p(v_i = 1 | h) = sigma(S_i / T), `[rows V]`. @param {Rbm} rbm @param {ArrayLike<number>} h @param {Float64Array} [out] */
export function visibleMeans(rbm, h, out) {
  return activate(visibleInputs(rbm, h, out), rbm.temperature);
}

/** @param {Float64Array} inputs changed in place @param {number} temperature */
function activate(inputs, temperature) {
  for (let k = 0; k < inputs.length; k++) inputs[k] = sigmoid(inputs[k] / temperature);
  return inputs;
}

/** F(v) = -T ln sum_h e^(-E/T) = -a v - T sum_j ln(1 + e^(S_j / T)) of the rows `v [rows V]`, so that p(v) = e^(-F/T) / Z.
 * @param {Rbm} rbm @param {ArrayLike<number>} v @param {Float64Array} [inputs] of the hidden units, if they are known */
export function freeEnergies(rbm, v, inputs = hiddenInputs(rbm, v)) {
  const { V, H, a, temperature } = rbm;
  return tabulate(v.length / V, (row) => {
    let sum = temperature * sumSoftplus(inputs.subarray(row * H, (row + 1) * H), 1 / temperature);
    for (let i = 0, k = row * V; i < V; i++, k++) sum += a[i] * v[k];
    // 0 - x, because -x would be -0 where x is 0.
    return 0 - sum;
  });
}

/** Expected (v h^T, v, h) under the data and p(h|v), added to `sums`. @param {Rbm} rbm @param {ArrayLike<number>} v `[rows V]`
 * @param {ArrayLike<number>} [share] `[rows]` @param {Rbm} [sums] */
export function statistics(rbm, v, share, sums = createRbm(rbm.V, rbm.H)) {
  const { V, H } = rbm;
  const rows = v.length / V;
  const means = hiddenMeans(rbm, v);
  for (let row = 0; row < rows; row++) {
    const p = share ? share[row] : 1 / rows;
    const at = row * H;
    for (let j = 0; j < H; j++) sums.b[j] += p * means[at + j];
    for (let i = 0; i < V; i++) {
      const x = p * v[row * V + i];
      if (x === 0) continue;
      sums.a[i] += x;
      for (let j = 0, k = i * H; j < H; j++, k++) sums.weights[k] += x * means[at + j];
    }
  }
  return sums.theta;
}

/** The RBM with its layers exchanged. @param {Rbm} rbm @returns {Rbm} */
export function transposed({ V, H, weights, a, b, temperature }) {
  const other = createRbm(H, V, undefined, temperature);
  for (let i = 0; i < V; i++) for (let j = 0; j < H; j++) other.weights[j * V + i] = weights[i * H + j];
  other.a.set(b);
  other.b.set(a);
  return other;
}

/** The values of a function at 0, 1, ..., many times faster than `Float64Array.from`. @param {number} length @param {(k: number) => number} f */
export function tabulate(length, f) {
  const values = new Float64Array(length);
  for (let k = 0; k < length; k++) values[k] = f(k);
  return values;
}

export function dot(/** @type {ArrayLike<number>} */ x, /** @type {ArrayLike<number>} */ y) {
  let sum = 0;
  for (let k = 0; k < x.length; k++) sum += x[k] * y[k];
  return sum;
}

export function sigmoid(/** @type {number} */ x) {
  const small = Math.exp(-Math.abs(x));
  return (x >= 0 ? 1 : small) / (1 + small);
}

/** ln(1 + e^x). @param {number} x */
export function softplus(x) {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

/** sum_j ln(1 + e^(scale x_j)) with few logarithms. @param {Float64Array} x @param {number} [scale] */
export function sumSoftplus(x, scale = 1) {
  let [sum, product] = [0, 1];
  for (let k = 0; k < x.length; k++) {
    const y = scale * x[k];
    if (y > 0) sum += y;
    product *= 1 + Math.exp(-Math.abs(y));
    // 512 factors of at most 2 cannot overflow.
    if (k % 512 === 511) {
      sum += Math.log(product);
      product = 1;
    }
  }
  return sum + Math.log(product);
}

/** ln sum e^x, without overflow. @param {ArrayLike<number>} x */
export function logSumExp(x) {
  let [largest, sum] = [-Infinity, 0];
  for (let k = 0; k < x.length; k++) if (x[k] > largest) largest = x[k];
  for (let k = 0; k < x.length; k++) sum += Math.exp(x[k] - largest);
  return largest + Math.log(sum);
}
