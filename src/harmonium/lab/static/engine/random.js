/** Random numbers from counters: number `index` of a key depends on these two alone. They are the numbers of the library's seeds.
 *
 * Reference: J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011 (Threefry-2x32, 20 rounds). */

import { tabulate } from "./rbm.js";

const PARITY = 0x1bd11bda;
/** The cipher's two words. A typed array holds them as plain integers; a module's variable of 32 bits is an object in Chromium. */
const words = new Int32Array(2);

function encipher(/** @type {Key} */ key, /** @type {number} */ x, /** @type {number} */ y) {
  const [p, q] = [key.high | 0, key.low | 0];
  const r = p ^ q ^ PARITY;
  x = (x + p) | 0;
  y = (y + q) | 0;
  x = (x + y) | 0; y = ((y << 13) | (y >>> 19)) ^ x;
  x = (x + y) | 0; y = ((y << 15) | (y >>> 17)) ^ x;
  x = (x + y) | 0; y = ((y << 26) | (y >>> 6)) ^ x;
  x = (x + y) | 0; y = ((y << 6) | (y >>> 26)) ^ x;
  x = (x + q) | 0; y = (y + r + 1) | 0;
  x = (x + y) | 0; y = ((y << 17) | (y >>> 15)) ^ x;
  x = (x + y) | 0; y = ((y << 29) | (y >>> 3)) ^ x;
  x = (x + y) | 0; y = ((y << 16) | (y >>> 16)) ^ x;
  x = (x + y) | 0; y = ((y << 24) | (y >>> 8)) ^ x;
  x = (x + r) | 0; y = (y + p + 2) | 0;
  x = (x + y) | 0; y = ((y << 13) | (y >>> 19)) ^ x;
  x = (x + y) | 0; y = ((y << 15) | (y >>> 17)) ^ x;
  x = (x + y) | 0; y = ((y << 26) | (y >>> 6)) ^ x;
  x = (x + y) | 0; y = ((y << 6) | (y >>> 26)) ^ x;
  x = (x + p) | 0; y = (y + q + 3) | 0;
  x = (x + y) | 0; y = ((y << 17) | (y >>> 15)) ^ x;
  x = (x + y) | 0; y = ((y << 29) | (y >>> 3)) ^ x;
  x = (x + y) | 0; y = ((y << 16) | (y >>> 16)) ^ x;
  x = (x + y) | 0; y = ((y << 24) | (y >>> 8)) ^ x;
  x = (x + q) | 0; y = (y + r + 4) | 0;
  x = (x + y) | 0; y = ((y << 13) | (y >>> 19)) ^ x;
  x = (x + y) | 0; y = ((y << 15) | (y >>> 17)) ^ x;
  x = (x + y) | 0; y = ((y << 26) | (y >>> 6)) ^ x;
  x = (x + y) | 0; y = ((y << 6) | (y >>> 26)) ^ x;
  words[0] = x + r;
  words[1] = y + p + 5;
}

/** The key of a seed, an integer from 0 to 2^53. @param {number} seed @returns {Key} */
export function keyOf(seed) {
  return { high: Math.floor(seed / 2 ** 32) >>> 0, low: seed >>> 0 };
}

/** Key number `index` of those that follow from a key, index from 0 to 2^32 - 1. @param {Key} key @param {number} index @returns {Key} */
export function derive(key, index) {
  encipher(key, 0, index);
  return { high: words[0] >>> 0, low: words[1] >>> 0 };
}

/** Number `index` of a key, uniform on [0, 1) in steps of 2^-52. @param {Key} key @param {number} index */
export function uniform(key, index) {
  encipher(key, 0, index);
  return ((words[0] >>> 0) * 2 ** 20 + (words[1] >>> 12)) * 2 ** -52;
}

/** Fill an array with numbers uniform on [0, 1) in steps of 2^-32: two from each count, at half the cost of `uniform`. */
export function fillUniform(/** @type {Key} */ key, /** @type {Float64Array} */ out) {
  for (let i = 0; i < out.length; i += 2) {
    encipher(key, 0, i);
    out[i] = (words[0] >>> 0) * 2 ** -32;
    if (i + 1 < out.length) out[i + 1] = (words[1] >>> 0) * 2 ** -32;
  }
}

/** 1 where number i of a key is below `probability[i]`, otherwise 0.
 * @param {Key} key @param {Float64Array} probability @param {Float64Array} [out] may be `probability` */
export function sampleBits(key, probability, out = new Float64Array(probability.length)) {
  for (let i = 0; i < probability.length; i++) out[i] = uniform(key, i) < probability[i] ? 1 : 0;
  return out;
}

/** Standard normal numbers by Box and Muller. @param {Key} key @param {number} count @returns {Float64Array} */
export function normals(key, count) {
  return tabulate(count, (i) => {
    const radius = Math.sqrt(-2 * Math.log(1 - uniform(key, 2 * i)));
    return radius * Math.cos(2 * Math.PI * uniform(key, 2 * i + 1));
  });
}
