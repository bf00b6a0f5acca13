/** A model whose visible layer is a picture: the same for one in training and for any file's. Pictures are bytes: shades from 0 to 255,
 * or numbers of either sign around 128. */
import { baseRate } from "../engine/digits-training.js";
import { digits, PIXELS } from "../engine/digits.js";
import { drawBits, Gibbs } from "../engine/bits.js";
import { derive, keyOf, logPartition, MAX_ENUMERATED } from "../engine.js";

/** States times units of the larger layer up to which ln Z is summed unasked: 64x20 takes a fraction of a second. */
const MAX_WORK = 2 ** 26;
const [FILTERS, REFERENCE, BINS] = [64, 179, 28];
/** Sweeps from noise to the fantasies that a drawing is compared with, and their number; of a large model's. */
const [SWEEPS, SWEEPS_LARGE, REFERENCE_LARGE] = [200, 30, 60];
/** From this many weights on there are fewer chains, draws and sweeps. */
const LARGE = 100_000;

export class ImageModel {
  /** @param {Rbm} rbm @param {string} name @param {Record<string, any>} notes of its file @param {number} [constant] of its free energy @param {[string, string]} [kinds] */
  constructor(rbm, name, notes, constant = 0, kinds = ["binary", "binary"]) {
    this.rbm = rbm;
    this.name = name;
    this.notes = notes;
    this.constant = constant;
    this.kinds = kinds;
    const { height, width, shapeFrom } = layoutOf(rbm.V, notes.image_shape);
    this.height = height;
    this.width = width;
    this.shapeFrom = shapeFrom;
    this.gibbs = new Gibbs(rbm);
    this.digits = this.height === 8 && this.width === 8 && notes.trained_on === "digits";
    this.large = rbm.V * rbm.H > LARGE;
    this.sweeps = this.large ? SWEEPS_LARGE : SWEEPS;
  }

  /** ln Z, or null where the sum would take long. @type {number | null} */
  get logPartition() {
    const { V, H } = this.rbm;
    const smaller = Math.min(V, H);
    this.#logPartition ??= smaller <= MAX_ENUMERATED && 2 ** smaller * Math.max(V, H) <= MAX_WORK ? logPartition(this.rbm) : null;
    return this.#logPartition;
  }

  /** Free energies of the rows that a drawing is compared with, by their names, and their histogram. */
  get reference() {
    if (!this.#reference) {
      // Noise has each pixel as often on as the training digits have it.
      const noise = () => drawBits(baseRate(digits().train, PIXELS), new Uint8Array(REFERENCE * PIXELS), keyOf(0));
      const rows = this.digits ? { digits: digits().test, noise: noise() } : { fantasies: this.sample(this.large ? REFERENCE_LARGE : REFERENCE) };
      const free = Object.entries(rows).map(([name, v]) => /** @type {const} */ ([name, [...this.gibbs.freeEnergies(v)].map((f) => f + this.constant)]));
      const all = free.flatMap(([, values]) => values);
      const [least, most] = [Math.min(...all) - 1, Math.max(...all) + 1];
      const shares = free.map(([name, values]) => {
        const counts = Array(BINS).fill(0);
        for (const f of values) counts[Math.floor(((f - least) / (most - least)) * BINS)] += 1 / values.length;
        return [name, counts];
      });
      const edges = Array.from({ length: BINS + 1 }, (_, n) => least + ((most - least) * n) / BINS);
      this.#reference = { free: Object.fromEntries(free), histogram: { edges, shares: Object.fromEntries(shares) } };
    }
    return this.#reference;
  }

  /** The ends of Gibbs chains from noise, `[rows V]`. @param {number} rows */
  sample(rows) {
    const [v, h] = [new Uint8Array(rows * this.rbm.V), new Uint8Array(rows * this.rbm.H)];
    const key = keyOf(0);
    start(v, key);
    for (let n = 0; n < this.sweeps; n++) this.sweep(v, h, derive(key, n + 1));
    return v;
  }

  /** @param {Uint8Array} v @param {Uint8Array} h @param {Key} key @param {Uint8Array} [free] */
  sweep(v, h, key, free) {
    this.gibbs.sampleHidden(v, h, derive(key, 0));
    this.gibbs.sampleVisible(h, v, derive(key, 1), free);
  }

  /** @returns {Described} */
  describe() {
    const { rbm, name, kinds, height, width, shapeFrom, notes, digits } = this;
    return {
      name, visible: rbm.V, hidden: rbm.H, kinds, height, width, shapeFrom, digits, filters: filtersOf(rbm),
      trainedOn: typeof notes.trained_on === "string" ? notes.trained_on.slice(0, 200) : null,
      updates: Number.isSafeInteger(notes.updates) ? notes.updates : null,
    };
  }

  /** @type {number | null | undefined} */ #logPartition;
  /** @type {{free: Record<string, number[]>, histogram: {edges: number[], shares: Record<string, number[]>}} | undefined} */ #reference;
}

/** Height and width of a picture: those stored with the model if they fit, a square, or the smallest nearly square grid, whose last
 * places stay empty. @returns {{height: number, width: number, shapeFrom: "file" | "square" | "grid"}} */
export function layoutOf(/** @type {number} */ pixels, /** @type {unknown} */ stored) {
  const isCount = (/** @type {unknown} */ n) => Number.isSafeInteger(n) && /** @type {number} */ (n) > 0;
  if (Array.isArray(stored) && stored.length === 2 && stored.every(isCount) && stored[0] * stored[1] === pixels) {
    return { height: stored[0], width: stored[1], shapeFrom: "file" };
  }
  const side = Math.floor(Math.sqrt(pixels));
  if (side * side === pixels) return { height: side, width: side, shapeFrom: "square" };
  return { height: Math.ceil(pixels / (side + 1)), width: side + 1, shapeFrom: "grid" };
}

/** Noise: every bit is 1 with probability 1/2. @param {Uint8Array} v written @param {Key} key */
export function start(v, key) {
  drawBits(new Float64Array(1), v, derive(key, 0));
}

/** @param {ArrayLike<number>} values from 0 to 1 @param {number} count @returns {Pictures} */
export const shades = (values, count) => ({ count, bytes: Uint8Array.from(values, (x) => Math.round(255 * x)) });

/** The weights of the first hidden units. @param {Rbm} rbm @returns {Pictures} */
export function filtersOf({ V, H, weights }) {
  const count = Math.min(H, FILTERS);
  const scale = weights.reduce((most, w) => Math.max(most, Math.abs(w)), 0);
  const bytes = Uint8Array.from({ length: count * V }, (_, k) => 128 + Math.round((127 * weights[(k % V) * H + Math.floor(k / V)]) / (scale || 1)));
  return { count, bytes, scale };
}

export function mean(/** @type {ArrayLike<number>} */ values) {
  let sum = 0;
  for (let k = 0; k < values.length; k++) sum += values[k];
  return sum / values.length;
}
