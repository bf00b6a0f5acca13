/** Numbers as text. An exact number has nine decimals, an estimated one no more than its error allows. */

const MINUS = "\u2212";
/** Decimals of an exact number, as the lecture prints them. */
export const DIGITS = 9;

/** A number with so many digits after the point and a proper minus sign.
 * @param {number | null | undefined} x @param {number} [digits] @returns {string} */
export function fixed(x, digits = 3) {
  if (x === null || x === undefined || !Number.isFinite(x)) return "\u2013";
  const text = Math.abs(x).toFixed(digits);
  return x < 0 && Number(text) !== 0 ? MINUS + text : text;
}

/** The same with its sign always shown, as a power of ten where its digits would all be zero.
 * @param {number | null | undefined} x @param {number} [digits] */
export function signed(x, digits = 3) {
  const text = x && Math.abs(x) < 0.5 * 10 ** -digits ? scientific(x) : fixed(x, digits);
  return x !== null && x !== undefined && x >= 0 && !text.startsWith(MINUS) ? "+" + text : text;
}

/** A probability, as a power of ten where its digits would all be zero.
 * @param {number | null | undefined} p @param {number} [digits] */
export function probability(p, digits = DIGITS) {
  if (p === null || p === undefined || !Number.isFinite(p)) return "\u2013";
  if (p > 0 && p < 0.5 * 10 ** -digits) return scientific(p);
  return p.toFixed(digits);
}

/** Few digits where few suffice: a parameter as a person would write it.
 * @param {number} x @param {number} [most] */
export function plain(x, most = 3) {
  if (!Number.isFinite(x)) return "";
  const text = String(Number(x.toFixed(most)));
  return text.startsWith("-") ? MINUS + text.slice(1) : text;
}

/** A number of any size with so many decimals: 4.482, 1.20e14.
 * @param {number | null | undefined} x @param {number} [digits] */
export function sized(x, digits = 3) {
  if (x === null || x === undefined || !Number.isFinite(x)) return "\u2013";
  return x !== 0 && (Math.abs(x) >= 1e6 || Math.abs(x) < 0.5 * 10 ** -digits) ? scientific(x) : fixed(x, digits);
}

/** An exact number of any size in ten significant digits, at most nine of them decimals: 0.606530660, 31.85706850.
 * @param {number} x */
export function exact(x) {
  return sized(x, Math.min(DIGITS, DIGITS - Math.floor(Math.log10(Math.max(1, Math.abs(x))))));
}

/** A Boltzmann factor or a sum of them, or its power of e where it is too large. @param {number | null} x @param {number} log @param {number} [digits] */
export function factor(x, log, digits = DIGITS) {
  return x === null ? `e^${fixed(log, digits)}` : exact(x);
}

/** The decimals, from `least` to nine, that show each of these numbers in full.
 * @param {number[]} values @param {number} [least] */
export function decimals(values, least = 3) {
  let digits = least;
  while (digits < DIGITS && values.some((x) => Math.abs(x - Number(x.toFixed(digits))) > 1e-12)) digits += 1;
  return digits;
}

/** @param {number} x */
function scientific(x) {
  return x.toExponential(2).replace("-", MINUS).replace("+", "");
}

/** Whole numbers in groups of three. @param {number} n */
export function grouped(n) {
  return n.toLocaleString("en-US");
}

/** A letter with lower indices: w_12 as w\u2081\u2082. @param {string} letter @param {...number} indices */
export function indexed(letter, ...indices) {
  const digits = "\u2080\u2081\u2082\u2083\u2084\u2085\u2086\u2087\u2088\u2089";
  return letter + indices.map((i) => [...String(i)].map((d) => digits[Number(d)]).join("")).join("");
}
