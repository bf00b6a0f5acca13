/** Numbers as text. An exact number has nine decimals, an estimated one no more than its error allows. */

const MINUS = "\u2212";
/** Decimals of an exact number, as the lecture prints them. */
export const DIGITS = 9;

/** A number with so many digits after the point and a proper minus sign. @returns {string} */
export function fixed(/** @type {number | null | undefined} */ x, /** @type {number} */ digits = 3) {
  if (x === null || x === undefined || !Number.isFinite(x)) return "\u2013";
  const text = Math.abs(x).toFixed(digits);
  return x < 0 && Number(text) !== 0 ? MINUS + text : text;
}

/** The same with its sign always shown, as a power of ten where its digits would all be zero. */
export function signed(/** @type {number | null | undefined} */ x, /** @type {number} */ digits = 3) {
  const text = x && Math.abs(x) < 0.5 * 10 ** -digits ? scientific(x) : fixed(x, digits);
  return x !== null && x !== undefined && x >= 0 && !text.startsWith(MINUS) ? "+" + text : text;
}

/** A probability, as a power of ten where its digits would all be zero. */
export function probability(/** @type {number | null | undefined} */ p, /** @type {number} */ digits = DIGITS) {
  return p && p > 0 && p < 0.5 * 10 ** -digits ? scientific(p) : fixed(p, digits);
}

/** Few digits where few suffice: a parameter as a person would write it. */
export function plain(/** @type {number} */ x, /** @type {number} */ most = 3) {
  if (!Number.isFinite(x)) return "";
  const text = String(Number(x.toFixed(most)));
  return text.startsWith("-") ? MINUS + text.slice(1) : text;
}

/** A number of any size with so many decimals: 4.482, 1.20e14. */
export function sized(/** @type {number | null | undefined} */ x, /** @type {number} */ digits = 3) {
  return x && Number.isFinite(x) && (Math.abs(x) >= 1e6 || Math.abs(x) < 0.5 * 10 ** -digits) ? scientific(x) : fixed(x, digits);
}

/** An exact number of any size in ten significant digits, at most nine of them decimals: 0.606530660, 31.85706850. */
export function exact(/** @type {number} */ x) {
  return sized(x, Math.min(DIGITS, DIGITS - Math.floor(Math.log10(Math.max(1, Math.abs(x))))));
}

/** A Boltzmann factor or a sum of them, or its power of e where it is too large. */
export function factor(/** @type {number | null} */ x, /** @type {number} */ log, digits = DIGITS) {
  return x === null ? `e^${fixed(log, digits)}` : exact(x);
}

/** A probability, or its power of e where it is too small for a float. */
export function chance(/** @type {number} */ p, /** @type {number} */ log) {
  return p === 0 && Number.isFinite(log) ? `e^${fixed(log, 4)}` : probability(p);
}

/** A difference that may be nothing but rounding. */
export const difference = (/** @type {number} */ x) => (x === 0 ? "0" : scientific(x, 1));

/** The decimals, from `least` to nine, that show each of these numbers in full. */
export function decimals(/** @type {number[]} */ values, /** @type {number} */ least = 3) {
  let digits = least;
  while (digits < DIGITS && values.some((x) => Math.abs(x - Number(x.toFixed(digits))) > 1e-12)) digits += 1;
  return digits;
}

const scientific = (/** @type {number} */ x, digits = 2) => x.toExponential(digits).replaceAll("-", MINUS).replace("+", "");

/** Whole numbers in groups of three. */
export const { format: grouped } = new Intl.NumberFormat("en-US");

/** A letter with lower indices: w_12 as w\u2081\u2082. @param {string} letter @param {...number} indices */
export function indexed(letter, ...indices) {
  const digits = "\u2080\u2081\u2082\u2083\u2084\u2085\u2086\u2087\u2088\u2089";
  return letter + indices.map((i) => [...String(i)].map((d) => digits[Number(d)]).join("")).join("");
}
