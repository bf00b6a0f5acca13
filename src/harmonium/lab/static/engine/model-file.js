/** The library's model files: read with every check that the library makes, and written so that it reads them. */
import { createRbm } from "./rbm.js";
import { FileError, isObject, numbersOf, readContainer, sha256, TYPES, writeContainer } from "./safetensors.js";

const VERSIONS = ["1", "2"];
/** What the absolute values of all parameters may add up to, so that no energy overflows. @type {Record<string, number>} */
const LARGEST = { F64: Math.sqrt(Number.MAX_VALUE), F32: Math.sqrt((2 - 2 ** -23) * 2 ** 127), F16: Math.sqrt(65504) };
export const LIMITS = { units: 5000, weights: 1_000_000 };

/** @param {Uint8Array} bytes @returns {FileModel} @throws {FileError} */
export function readModel(bytes) {
  const { tensors, metadata } = asFile(() => readContainer(bytes));
  const { sha256: checksum, ...texts } = metadata;
  if (texts.format !== "harmonium") throw new FileError("is a safetensors file, but not one that harmonium wrote as a model file");
  // The first version had no checksum.
  const whole = checksum === undefined ? texts.version === "1" : checksum === checksumOf(tensors, texts);
  if (!VERSIONS.includes(texts.version)) {
    throw new FileError(`has format version ${String(texts.version).slice(0, 20)}${whole ? "" : ", or is damaged (its checksum differs)"}; this page reads ${VERSIONS.join(" and ")}`);
  }
  if (!whole) throw new FileError("is damaged: its content is not what was written (its checksum differs); use an earlier copy");
  const kinds = /** @type {[string, string]} */ ([texts.visible, texts.hidden]);
  for (const kind of kinds) {
    if (typeof kind !== "string") throw new FileError("is damaged: the kind of a layer is missing");
    if (kind !== "binary" && kind !== "spin") throw new FileError(`has ${kind.slice(0, 60)} units; this page opens models of binary or spin units`);
  }
  const notes = notesOf(texts.notes);
  const [weights, a, b] = ["weights", "visible.bias", "hidden.bias"].map((name) => parameter(tensors, name));
  const [V, H] = [a.shape[0], b.shape[0]];
  if (a.shape.length !== 1 || b.shape.length !== 1 || V === 0 || H === 0) throw new FileError("is damaged: a layer\u2019s bias is not a list of numbers");
  if (weights.shape.length !== 2 || weights.shape[0] !== V || weights.shape[1] !== H) throw new FileError("is damaged: the shape of the weights is not that of the layers");
  if (tensors.has("base_rate.bias") && parameter(tensors, "base_rate.bias").shape.join() !== String(V)) throw new FileError("is damaged: its base rate does not fit the visible layer");
  if (V > LIMITS.units || H > LIMITS.units || V * H > LIMITS.weights) {
    throw new FileError(`has ${V.toLocaleString("en-US")} visible and ${H.toLocaleString("en-US")} hidden units; this page opens models of up to ${LIMITS.units.toLocaleString("en-US")} of each and ${LIMITS.weights.toLocaleString("en-US")} weights`);
  }
  const rbm = createRbm(V, H);
  rbm.weights.set(weights.values);
  rbm.a.set(a.values);
  rbm.b.set(b.values);
  const total = rbm.theta.reduce((sum, x) => sum + Math.abs(x), 0);
  if (!(total < (LARGEST[weights.dtype] ?? LARGEST.F32))) throw new FileError("has parameters so large that energies overflow; scale them down");
  return { ...asBits(rbm, kinds), kinds, notes };
}

/** The file of a model of binary units. @param {Rbm} rbm @param {Float64Array} baseRate the logits `[V]` of independent pixels
 * @param {Record<string, any>} notes @returns {Uint8Array} */
export function writeModel(rbm, baseRate, notes) {
  const arrays = new Map(Object.entries({
    "base_rate.bias": { shape: [rbm.V], values: baseRate },
    "hidden.bias": { shape: [rbm.H], values: rbm.b },
    "visible.bias": { shape: [rbm.V], values: rbm.a },
    weights: { shape: [rbm.V, rbm.H], values: rbm.weights },
  }));
  const texts = { format: "harmonium", version: "2", visible: "binary", hidden: "binary", notes: JSON.stringify(notes) };
  const { tensors } = readContainer(writeContainer(arrays, texts));
  return writeContainer(arrays, { ...texts, sha256: checksumOf(tensors, texts) });
}

/** SHA-256 of the header's texts and of every array's type, shape and values, names in order, as the library computes it. */
function checksumOf(/** @type {Map<string, Tensor>} */ tensors, /** @type {Record<string, string>} */ texts) {
  const names = [...tensors.keys()].sort();
  const head = [
    Object.fromEntries(Object.keys(texts).sort().map((name) => [name, texts[name]])),
    Object.fromEntries(names.map((name) => [name, [TYPES[tensors.get(name)?.dtype ?? ""][1], tensors.get(name)?.shape]])),
  ];
  const parts = [new TextEncoder().encode(pythonJson(head)), ...names.map((name) => tensors.get(name)?.bytes ?? new Uint8Array())];
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
  return sha256(all);
}

/** JSON as Python writes it: a space after commas and colons, and ASCII only. @param {any} value @returns {string} */
function pythonJson(value) {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(", ")}]`;
  if (isObject(value)) return `{${Object.entries(value).map(([name, part]) => `${pythonJson(name)}: ${pythonJson(part)}`).join(", ")}}`;
  return JSON.stringify(value).replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function parameter(/** @type {Map<string, Tensor>} */ tensors, /** @type {string} */ name) {
  const tensor = tensors.get(name);
  if (!tensor) throw new FileError(`is damaged: ${name} is missing`);
  const values = numbersOf(tensor);
  if (!values || !values.every(Number.isFinite)) throw new FileError(`is damaged: ${name} does not hold finite numbers`);
  return { shape: tensor.shape, dtype: tensor.dtype, values };
}

/** @param {string | undefined} text @returns {Record<string, any>} */
function notesOf(text) {
  if (text === undefined) return {};
  try {
    const notes = JSON.parse(text);
    if (isObject(notes)) return notes;
  } catch {
    // Said below.
  }
  throw new FileError("is damaged: its notes cannot be read");
}

/** A model whose layers may be of spins as one of bits: s = 2 v - 1 put into the energy. @param {Rbm} rbm @param {[string, string]} kinds */
function asBits({ V, H, weights, a, b }, [visible, hidden]) {
  const bits = createRbm(V, H);
  const [s, t] = [visible === "spin" ? 2 : 1, hidden === "spin" ? 2 : 1];
  const [low, down] = [visible === "spin" ? -1 : 0, hidden === "spin" ? -1 : 0];
  let constant = 0;
  for (let i = 0; i < V; i++) bits.a[i] = s * a[i];
  for (let j = 0; j < H; j++) bits.b[j] = t * b[j];
  for (let i = 0, k = 0; i < V; i++) {
    for (let j = 0; j < H; j++, k++) {
      bits.weights[k] = s * t * weights[k];
      bits.a[i] += s * down * weights[k];
      bits.b[j] += low * t * weights[k];
      constant -= low * down * weights[k];
    }
  }
  for (const x of a) constant -= low * x;
  for (const x of b) constant -= down * x;
  return { rbm: bits, constant };
}

/** @template T @param {() => T} read @returns {T} */
function asFile(read) {
  try {
    return read();
  } catch (error) {
    if (error instanceof FileError) throw new FileError(`is not a model file, or is damaged: ${error.message}`);
    throw error;
  }
}
