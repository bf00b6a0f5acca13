/** Files of named arrays in the safetensors format, and SHA-256. Whatever is wrong with a file is a `FileError` in words.
 *
 * References: the safetensors format, github.com/huggingface/safetensors#format; FIPS 180-4 (SHA-256). */

/** What is wrong with a file, without the file's name. */
export class FileError extends Error {}

const MAX_HEADER = 1e8;
/** Bytes of an element, and NumPy's name of the type. @type {Record<string, [number, string]>} */
export const TYPES = {
  F64: [8, "float64"], F32: [4, "float32"], F16: [2, "float16"], BF16: [2, "bfloat16"], I64: [8, "int64"], I32: [4, "int32"], I16: [2, "int16"],
  I8: [1, "int8"], U64: [8, "uint64"], U32: [4, "uint32"], U16: [2, "uint16"], U8: [1, "uint8"], BOOL: [1, "bool"],
};

/** @param {Uint8Array} bytes @returns {Container} @throws {FileError} */
export function readContainer(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = bytes.length < 8 ? Infinity : Number(view.getBigUint64(0, true));
  if (length > MAX_HEADER || 8 + length > bytes.length) throw new FileError("its header is longer than the file");
  /** @type {any} */
  let header;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.subarray(8, 8 + length)));
  } catch {
    throw new FileError("its header is not JSON");
  }
  if (!isObject(header)) throw new FileError("its header is not a JSON object");
  const { __metadata__: metadata = {}, ...described } = header;
  if (!isObject(metadata) || !Object.values(metadata).every((text) => typeof text === "string")) throw new FileError("its metadata are not text");
  const entries = Object.entries(described).map(([name, entry]) => /** @type {const} */ ([name, checkEntry(name, entry)]));
  entries.sort(([, x], [, y]) => x.data_offsets[0] - y.data_offsets[0] || x.data_offsets[1] - y.data_offsets[1]);
  let end = 0;
  for (const [name, { data_offsets: [from, to] }] of entries) {
    if (from !== end) throw new FileError(`${quote(name)} does not begin where the array before it ends`);
    end = to;
  }
  if (8 + length + end !== bytes.length) throw new FileError("its arrays do not fill the file");
  const data = bytes.subarray(8 + length);
  const tensors = new Map(entries.map(([name, { dtype, shape, data_offsets: [from, to] }]) => [name, { dtype, shape, bytes: data.subarray(from, to) }]));
  return { tensors, metadata };
}

/** @param {string} name @param {any} entry @returns {{dtype: string, shape: number[], data_offsets: [number, number]}} */
function checkEntry(name, entry) {
  const isCount = (/** @type {unknown} */ x) => Number.isSafeInteger(x) && /** @type {number} */ (x) >= 0;
  const isCounts = (/** @type {unknown} */ x) => Array.isArray(x) && x.every(isCount);
  if (!isObject(entry) || !isCounts(entry.shape) || !isCounts(entry.data_offsets) || entry.data_offsets.length !== 2) {
    throw new FileError(`the description of ${quote(name)} cannot be read`);
  }
  if (!Object.hasOwn(TYPES, entry.dtype)) throw new FileError(`${quote(name)} holds values of an unknown type`);
  const size = entry.shape.reduce((/** @type {number} */ product, /** @type {number} */ n) => product * n, TYPES[entry.dtype][0]);
  if (entry.data_offsets[1] - entry.data_offsets[0] !== size) throw new FileError(`${quote(name)} has a size that differs from its shape`);
  return /** @type {any} */ (entry);
}

/** @param {Map<string, {shape: number[], values: Float64Array}>} arrays @param {Record<string, string>} metadata @returns {Uint8Array} */
export function writeContainer(arrays, metadata) {
  let end = 0;
  const entries = [...arrays].map(([name, { shape, values }]) => [name, { dtype: "F64", shape, data_offsets: [end, (end += 8 * values.length)] }]);
  let header = new TextEncoder().encode(JSON.stringify({ __metadata__: metadata, ...Object.fromEntries(entries) }));
  // The arrays begin at a multiple of eight bytes.
  header = Uint8Array.from({ length: Math.ceil(header.length / 8) * 8 }, (_, k) => header[k] ?? 0x20);
  const bytes = new Uint8Array(8 + header.length + end);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(header.length), true);
  bytes.set(header, 8);
  let at = 8 + header.length;
  for (const { values } of arrays.values()) for (const x of values) view.setFloat64((at += 8) - 8, x, true);
  return bytes;
}

/** The values of an array, or null for a type that holds no plain numbers. @param {Tensor} tensor */
export function numbersOf({ dtype, bytes }) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  /** @type {Record<string, (at: number) => number>} */
  const readers = {
    F64: (at) => view.getFloat64(at, true), F32: (at) => view.getFloat32(at, true), F16: (at) => half(view.getUint16(at, true)),
    I64: (at) => Number(view.getBigInt64(at, true)), I32: (at) => view.getInt32(at, true), I16: (at) => view.getInt16(at, true), I8: (at) => view.getInt8(at),
    U64: (at) => Number(view.getBigUint64(at, true)), U32: (at) => view.getUint32(at, true), U16: (at) => view.getUint16(at, true), U8: (at) => view.getUint8(at),
  };
  const read = readers[dtype];
  const size = TYPES[dtype][0];
  return read ? Float64Array.from({ length: bytes.length / size }, (_, k) => read(k * size)) : null;
}

/** A number in half precision. @param {number} bits */
function half(bits) {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const size = exponent === 0 ? fraction * 2 ** -24 : exponent === 31 ? (fraction ? NaN : Infinity) : (1024 + fraction) * 2 ** (exponent - 25);
  return bits >> 15 ? -size : size;
}

/** @param {any} x @returns {x is Record<string, any>} */
export const isObject = (x) => typeof x === "object" && x !== null && !Array.isArray(x);
const quote = (/** @type {string} */ name) => `\u201c${name.slice(0, 40)}\u201d`;

const isPrime = (/** @type {number} */ n) => Array.from({ length: Math.floor(Math.sqrt(n)) - 1 }, (_, k) => k + 2).every((d) => n % d);
const PRIMES = Array.from({ length: 310 }, (_, k) => k + 2).filter(isPrime);
const firstBits = (/** @type {number} */ root) => Math.floor((root % 1) * 2 ** 32) | 0;
const ROUND = Int32Array.from(PRIMES, (p) => firstBits(Math.cbrt(p)));

/** The SHA-256 checksum in hexadecimal. Browsers have one of their own on encrypted connections only. @param {Uint8Array} bytes */
export function sha256(bytes) {
  const padded = new Uint8Array(Math.ceil((bytes.length + 9) / 64) * 64);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setBigUint64(padded.length - 8, BigInt(8 * bytes.length));
  const hash = Int32Array.from(PRIMES.slice(0, 8), (p) => firstBits(Math.sqrt(p)));
  const w = new Int32Array(64);
  const turn = (/** @type {number} */ x, /** @type {number} */ n) => (x >>> n) | (x << (32 - n));
  for (let block = 0; block < padded.length; block += 64) {
    for (let t = 0; t < 16; t++) w[t] = view.getInt32(block + 4 * t);
    for (let t = 16; t < 64; t++) {
      const [x, y] = [w[t - 15], w[t - 2]];
      w[t] = w[t - 16] + w[t - 7] + (turn(x, 7) ^ turn(x, 18) ^ (x >>> 3)) + (turn(y, 17) ^ turn(y, 19) ^ (y >>> 10));
    }
    let [a, b, c, d, e, f, g, h] = hash;
    for (let t = 0; t < 64; t++) {
      const one = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + ROUND[t] + w[t]) | 0;
      const two = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((x, k) => (hash[k] += x));
  }
  return [...hash].map((x) => (x >>> 0).toString(16).padStart(8, "0")).join("");
}
