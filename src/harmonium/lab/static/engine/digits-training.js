/** Training on the digits by PCD-1 with plain gradient ascent: the model is the average of the iterates over the last part of the
 * run, as in the library. A seed and a number of updates always make the same model.
 *
 * References: T. Tieleman, ICML 2008 (PCD); B. Polyak and A. Juditsky, SIAM J. Control Optim. 30 (1992) (the average). */
import { BitProducts, Gibbs } from "./bits.js";
import { digits, PIXELS } from "./digits.js";
import { derive, fillUniform, keyOf, normals } from "./random.js";
import { createRbm, sigmoid } from "./rbm.js";

const [BATCH, CHAINS] = [100, 500];
/** Standard deviation of the first weights. */
const SCALE = 0.01;
/** The average reaches back over this share of the run so far; after the first 64 updates it takes in every eighth iterate. */
const [AVERAGE, STRIDE] = [0.1, 8];
/** A model with a parameter beyond this has left the sensible numbers. */
const MAX_PARAMETER = 1000;
const [START, WEIGHTS, SHUFFLE, UPDATE] = [0, 1, 2, 3];

/** The logit of how often each unit is on, half a row more on either side, so that it is finite. @param {Uint8Array} rows @param {number} units */
export function baseRate(rows, units) {
  const counts = new Float64Array(units);
  rows.forEach((bit, k) => (counts[k % units] += bit));
  const n = rows.length / units;
  return counts.map((count) => Math.log((count + 0.5) / (n - count + 0.5)));
}

export class DigitsTraining {
  constructor(/** @type {number} */ hidden, /** @type {number} */ rate, /** @type {number} */ seed) {
    this.rate = rate;
    this.key = keyOf(seed);
    this.step = 0;
    this.rows = digits().train;
    this.iterate = createRbm(PIXELS, hidden);
    this.iterate.weights.set(normals(derive(this.key, WEIGHTS), PIXELS * hidden).map((x) => SCALE * x));
    this.iterate.a.set(baseRate(this.rows, PIXELS));
    this.average = createRbm(PIXELS, hidden, this.iterate.theta.slice());
    this.gibbs = new Gibbs(this.iterate);
    // The chains start at pixels tossed one by one.
    this.v = new Uint8Array(CHAINS * PIXELS);
    this.h = new Uint8Array(CHAINS * hidden);
    this.gibbs.sampleVisible(this.h, this.v, derive(this.key, START));
    this.gibbs.sampleHidden(this.v, this.h, derive(derive(this.key, START), 1));
    this.order = Uint32Array.from({ length: this.rows.length / PIXELS }, (_, n) => n);
    this.next = this.order.length;
    this.epoch = 0;
    this.gradient = createRbm(PIXELS, hidden);
    // A column of ones beside h counts the pixels themselves.
    this.products = new BitProducts(PIXELS, hidden + 1);
    this.counts = new Float64Array(PIXELS * (hidden + 1));
    this.inputs = new Float64Array(hidden + 1);
    this.uniform = new Float64Array(CHAINS * hidden);
  }

  /** One update. @throws {RangeError} the parameters have left the sensible numbers */
  update() {
    const { gibbs, gradient, iterate, average, rate } = this;
    const key = derive(derive(this.key, UPDATE), this.step);
    gradient.theta.fill(0);
    this.#shuffle();
    for (let n = 0; n < BATCH; n++, this.next++) this.#count(this.rows, this.order[this.next] * PIXELS, 1 / BATCH, -1);
    gibbs.sampleVisible(this.h, this.v, derive(key, 0));
    fillUniform(derive(key, 1), this.uniform);
    for (let n = 0; n < CHAINS; n++) this.#count(this.v, n * PIXELS, -1 / CHAINS, n * iterate.H);
    this.products.take(this.counts);
    for (let i = 0, k = 0; i < PIXELS; i++) {
      for (let j = 0; j < iterate.H; j++) gradient.weights[i * iterate.H + j] = this.counts[k++];
      gradient.a[i] = this.counts[k++];
    }
    let largest = 0;
    for (let k = 0; k < iterate.theta.length; k++) {
      iterate.theta[k] += rate * gradient.theta[k];
      largest = Math.max(largest, Math.abs(iterate.theta[k]));
    }
    if (!(largest <= MAX_PARAMETER)) throw new RangeError("the weights have grown beyond all bounds: begin again with a lower learning rate");
    gibbs.follow(iterate);
    const stride = this.step < STRIDE ** 2 ? 1 : STRIDE;
    if (this.step % stride === 0) {
      const weight = 1 / (1 + (AVERAGE * this.step) / stride);
      for (let k = 0; k < average.theta.length; k++) average.theta[k] += weight * (iterate.theta[k] - average.theta[k]);
    }
    this.step += 1;
  }

  /** Add `share` times (v h^T, v, h) of one row to the gradient, h by its expectation; if it is a chain, draw its next h.
   * @param {Uint8Array} v @param {number} from @param {number} share @param {number} chain its place in `h`, or -1 */
  #count(v, from, share, chain) {
    const { gibbs, gradient, products, inputs, uniform, h } = this;
    const H = inputs.length - 1;
    gibbs.up.sum(v, gibbs.rbm.b, inputs, from, 1);
    for (let j = 0; j < H; j++) {
      const mean = sigmoid(inputs[j]);
      // Without a branch, which no processor could predict.
      if (chain >= 0) h[chain + j] = +(uniform[chain + j] < mean);
      inputs[j] = share * mean;
      gradient.b[j] += inputs[j];
    }
    inputs[H] = share;
    products.add(v, from, inputs);
  }

  /** A new order of the rows when fewer than a batch are left. */
  #shuffle() {
    const { order } = this;
    if (this.next + BATCH <= order.length) return;
    const uniform = new Float64Array(order.length);
    fillUniform(derive(derive(this.key, SHUFFLE), this.epoch++), uniform);
    for (let n = order.length - 1; n > 0; n--) {
      const other = Math.floor(uniform[n] * (n + 1));
      [order[n], order[other]] = [order[other], order[n]];
    }
    this.next = 0;
  }
}
