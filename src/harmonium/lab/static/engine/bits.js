/** Gibbs sampling of large RBMs in plain JavaScript: sums over binary states by tables of partial sums, and draws that need no
 * exponential function. States are arrays of zeros and ones, row by row. */
import { fillUniform } from "./random.js";
import { freeEnergies, sigmoid } from "./rbm.js";

/** From this many weights on the groups are small, so that the tables fit into a processor's cache. */
const LARGE = 1 << 16;

/** bits @ matrix: the tables hold the sums of all subsets of every group of rows, so that a group costs one addition a column. */
class BitSums {
  constructor(/** @type {number} */ rows, /** @type {number} */ columns) {
    this.rows = rows;
    this.columns = columns;
    this.group = rows * columns < LARGE ? 6 : 4;
    this.tables = new Float64Array(Math.ceil(rows / this.group) * columns << this.group);
  }

  /** Take a matrix, of which element (row, column) is `matrix[row * down + column * across]`. */
  fill(/** @type {Float64Array} */ matrix, /** @type {number} */ down, /** @type {number} */ across) {
    const { rows, columns, group, tables } = this;
    for (let first = 0, base = 0; first < rows; first += group, base += columns << group) {
      const subsets = 1 << Math.min(group, rows - first);
      for (let subset = 1; subset < subsets; subset++) {
        const [to, from] = [base + subset * columns, base + (subset & (subset - 1)) * columns];
        const row = (first + 31 - Math.clz32(subset & -subset)) * down;
        for (let c = 0; c < columns; c++) tables[to + c] = tables[from + c] + matrix[row + c * across];
      }
    }
    return this;
  }

  /** offset + the sums of the rows where bits are 1, for each of many states.
   * @param {Uint8Array} bits @param {Float64Array} offset `[columns]` @param {Float64Array} out `[count columns]`, written
   * @param {number} [from] where the states begin in `bits` @param {number} [count] of states */
  sum(bits, offset, out, from = 0, count = bits.length / this.rows) {
    const { rows, columns, group, tables } = this;
    for (let at = 0, c = 0; at < count * columns; at++, c = c + 1 < columns ? c + 1 : 0) out[at] = offset[c];
    // One group after the other: its table stays in the cache for all states.
    for (let first = 0, base = 0; first < rows; first += group, base += columns << group) {
      const last = Math.min(group, rows - first) - 1;
      for (let state = 0, bit = from + first, at = 0; state < count; state++, bit += rows, at += columns) {
        let subset = 0;
        for (let i = last; i >= 0; i--) subset = 2 * subset + bits[bit + i];
        if (subset === 0) continue;
        for (let c = 0, k = base + subset * columns; c < columns; c++, k++) out[at + c] += tables[k];
      }
    }
  }
}

/** bits^T @ matrix, row by row of both: what `BitSums` does, backwards. Rows are added to the sums of their subsets, which are
 * resolved into single units at the end. */
export class BitProducts extends BitSums {
  /** Add bits^T @ values for the bits from place `from` on. @param {Uint8Array} bits @param {number} from @param {Float64Array} values `[columns]` */
  add(bits, from, values) {
    const { rows, columns, group, tables } = this;
    for (let first = 0, base = 0; first < rows; first += group, base += columns << group) {
      let subset = 0;
      for (let i = Math.min(group, rows - first) - 1; i >= 0; i--) subset = 2 * subset + bits[from + first + i];
      for (let c = 0, k = base + subset * columns; c < columns; c++, k++) tables[k] += values[c];
    }
  }

  /** Write the products into `out [rows columns]`, and begin again at zero. @param {Float64Array} out */
  take(out) {
    const { rows, columns, group, tables } = this;
    out.fill(0);
    for (let first = 0, base = 0; first < rows; first += group, base += columns << group) {
      for (let subset = (1 << Math.min(group, rows - first)) - 1; subset > 0; subset--) {
        const [from, rest] = [base + subset * columns, base + (subset & (subset - 1)) * columns];
        const row = (first + 31 - Math.clz32(subset & -subset)) * columns;
        for (let c = 0; c < columns; c++) {
          tables[rest + c] += tables[from + c];
          out[row + c] += tables[from + c];
        }
      }
    }
    tables.fill(0);
  }
}

/** sigma on a grid, which brackets it between grid points. */
const [STEPS, REACH] = [32, 16];
const GRID = Float64Array.from({ length: 2 * REACH * STEPS + 1 }, (_, k) => sigmoid(k / STEPS - REACH));

/** 1 if u < sigma(x), otherwise 0: exactly, though the exponential function is needed for one u in a few hundred only. */
export function bitOf(/** @type {number} */ u, /** @type {number} */ x) {
  const place = (x + REACH) * STEPS;
  if (!(place > 0 && place < GRID.length - 1)) return u < sigmoid(x) ? 1 : 0;
  const k = place | 0;
  // Without a branch on u < GRID[k], which no processor could predict.
  const bit = +(u < GRID[k]);
  return bit === +(u < GRID[k + 1]) ? bit : u < sigmoid(x) ? 1 : 0;
}

/** Room for the uniform numbers of `drawBits`. */
let numbers = new Float64Array(0);

/** Bits that are 1 with probability sigma(x), x taken from `inputs` again and again. @param {Float64Array} inputs
 * @param {Uint8Array} bits written @param {Key} key @param {Uint8Array} [free] again and again: where it is 0, a bit stays as it is */
export function drawBits(inputs, bits, key, free) {
  if (numbers.length < bits.length) numbers = new Float64Array(bits.length);
  const uniform = numbers.subarray(0, bits.length);
  fillUniform(key, uniform);
  for (let k = 0, i = 0; k < bits.length; k++, i = i + 1 < inputs.length ? i + 1 : 0) {
    if (!free || free[k % free.length]) bits[k] = bitOf(uniform[k], inputs[i]);
  }
  return bits;
}

/** Sampling from both conditional distributions of an RBM, many rows at once. */
export class Gibbs {
  /** @param {Rbm} rbm at temperature 1 */
  constructor(rbm) {
    this.up = new BitSums(rbm.V, rbm.H);
    this.down = new BitSums(rbm.H, rbm.V);
    this.space = new Float64Array(0);
    this.rbm = this.follow(rbm);
  }

  /** Take other parameters of the same shape. @param {Rbm} rbm */
  follow(rbm) {
    this.up.fill(rbm.weights, rbm.H, 1);
    this.down.fill(rbm.weights, 1, rbm.H);
    this.rbm = rbm;
    return rbm;
  }

  /** The inputs of the hidden units of rows `v [n V]`, `[n H]`. @param {Uint8Array} v @param {Float64Array} [out] */
  hiddenInputs(v, out = new Float64Array((v.length / this.rbm.V) * this.rbm.H)) {
    this.up.sum(v, this.rbm.b, out);
    return out;
  }

  /** The inputs of the visible units of rows `h [n H]`, `[n V]`. @param {Uint8Array} h @param {Float64Array} [out] */
  visibleInputs(h, out = new Float64Array((h.length / this.rbm.H) * this.rbm.V)) {
    this.down.sum(h, this.rbm.a, out);
    return out;
  }

  /** h ~ p(h|v). @param {Uint8Array} v `[n V]` @param {Uint8Array} h `[n H]`, written @param {Key} key */
  sampleHidden(v, h, key) {
    drawBits(this.hiddenInputs(v, this.#room(h.length)), h, key);
  }

  /** v ~ p(v|h). @param {Uint8Array} h `[n H]` @param {Uint8Array} v `[n V]`, written @param {Key} key
   * @param {Uint8Array} [free] `[V]`: where it is 0, v stays as it is */
  sampleVisible(h, v, key, free) {
    drawBits(this.visibleInputs(h, this.#room(v.length)), v, key, free);
  }

  /** F(v) of rows `v [n V]`, in nats. @param {Uint8Array} v */
  freeEnergies(v) {
    return freeEnergies(this.rbm, v, this.hiddenInputs(v));
  }

  /** Room for inputs. @param {number} length */
  #room(length) {
    if (this.space.length < length) this.space = new Float64Array(length);
    return this.space.subarray(0, length);
  }
}
