/** Chapter 6, in the worker: the model trained here, the one from a file, and what they answer. */
import { baseRate } from "../engine/digits-training.js";
import { digits, PIXELS } from "../engine/digits.js";
import { drawBits } from "../engine/bits.js";
import { PRETRAINED } from "../engine/pretrained.js";
import { derive, keyOf, sigmoid } from "../engine.js";
import { readModel, writeModel } from "../engine/model-file.js";
import { FileError } from "../engine/safetensors.js";
import { ImageModel, mean, shades, start } from "./image-model.js";
import { TrainingRun } from "./image-training.js";

const [DRAWS, CHAINS, SHOWN] = [200, 100, 24];
const STAGES = [1, 10, 100, 1000];
/** Time in a call, in milliseconds. */
const DREAM_MS = 25;

let run = /** @type {TrainingRun | null} */ (null);
let file = /** @type {ImageModel | null} */ (null);
let pretrained = /** @type {ImageModel | null} */ (null);
const dreams = /** @type {Record<string, Dream>} */ ({});

function modelOf(/** @type {Which} */ which) {
  if (which === "file" && file) return file;
  if (run) return run.model;
  if (!pretrained) {
    const { rbm, notes } = readModel(Uint8Array.from(atob(PRETRAINED), (c) => c.charCodeAt(0)));
    pretrained = new ImageModel(rbm, "the model trained beforehand", notes);
  }
  return pretrained;
}

/** Begin to train; a training under way ends. @param {DigitsSettings} settings @returns {View} */
export function beginTraining(settings) {
  run = new TrainingRun(settings);
  return run.view();
}

/** Go on with the training, or with its likelihood, for a moment. @param {string} order as `TrainingRun.advance` takes it @param {number} most updates @returns {View} */
export function advanceTraining(order, most) {
  if (!run) throw new Error("nothing is being trained: press train");
  run.advance(order, most);
  return run.view();
}

/** The trained model as a file for the library. */
export function saveModel() {
  if (!run) throw new Error("nothing has been trained yet: press train");
  const { model: { rbm }, training: { step }, settings } = run;
  const notes = { trained_on: "digits", updates: step, image_shape: [8, 8], binarized: "threshold=0.5", settings };
  return { name: `digits-${rbm.H}-hidden.safetensors`, bytes: writeModel(rbm, baseRate(digits().train, PIXELS), notes) };
}

/** Take a model file. @param {string} name @param {Uint8Array} bytes @returns {Described} */
export function openModel(name, bytes) {
  try {
    const { rbm, notes, constant, kinds } = readModel(bytes);
    file = new ImageModel(rbm, name, notes, constant, kinds);
  } catch (error) {
    if (error instanceof FileError) throw new Error(`${name} ${error.message}`);
    throw error;
  }
  return file.describe();
}

/** What is to be said of a model. @param {Which} which */
export const describeModel = (which) => modelOf(which).describe();

/** The model's answer to a drawing. @param {Which} which @param {string} bits @param {number} seed */
export function respond(which, bits, seed) {
  const model = modelOf(which);
  const { rbm, gibbs, constant, reference } = model;
  const v = Uint8Array.from(bits, Number);
  const inputs = gibbs.hiddenInputs(v);
  const draws = model.large ? DRAWS / 10 : DRAWS;
  const fields = gibbs.visibleInputs(drawBits(inputs, new Uint8Array(draws * rbm.H), keyOf(seed)));
  const means = new Float64Array(rbm.V);
  for (let k = 0; k < fields.length; k++) means[k % rbm.V] += sigmoid(fields[k]) / draws;
  const freeEnergy = gibbs.freeEnergies(v)[0] + constant;
  const lessProbable = Object.fromEntries(Object.entries(reference.free).map(([name, values]) => [name, mean(values.map((f) => (f > freeEnergy ? 1 : 0)))]));
  return {
    bits, hidden: Array.from(inputs, sigmoid), reconstruction: shades(means.map((x) => Math.min(1, x)), 1), draws, freeEnergy, lessProbable, histogram: reference.histogram, sweeps: model.sweeps,
    logProbability: model.logPartition === null ? null : constant - freeEnergy - model.logPartition,
  };
}

/** Chains that go on from call to call, some pixels clamped. */
class Dream {
  constructor(/** @type {ImageModel} */ model, /** @type {string} */ known, /** @type {number} */ seed, /** @type {number} */ chains) {
    const { V, H } = model.rbm;
    this.model = model;
    this.known = known;
    this.seed = seed;
    this.chains = chains;
    this.sweeps = 0;
    this.key = keyOf(seed);
    this.v = new Uint8Array(chains * V);
    this.h = new Uint8Array(chains * H);
    start(this.v, this.key);
    this.free = Uint8Array.from(known, (c) => (c === "." ? 1 : 0));
    for (let k = 0; k < this.v.length; k++) if (!this.free[k % V]) this.v[k] = Number(known[k % V]);
    /** The means of the chains at some of their sweeps. @type {{sweeps: number, mean: Pictures}[]} */ this.stages = [];
  }

  /** Sweep for a moment, at least once. @param {number} most sweeps in all @param {number} atOnce sweeps now */
  advance(most, atOnce) {
    const begun = performance.now();
    const end = Math.min(most, this.sweeps + atOnce);
    do {
      if (this.sweeps >= end) break;
      this.model.sweep(this.v, this.h, derive(this.key, ++this.sweeps), this.free);
      if (STAGES.includes(this.sweeps)) this.stages.push({ sweeps: this.sweeps, mean: shades(this.mean(), 1) });
    } while (performance.now() - begun < DREAM_MS);
  }

  mean() {
    const sums = new Float64Array(this.free.length);
    for (let k = 0; k < this.v.length; k++) sums[k % sums.length] += this.v[k] / this.chains;
    return sums.map((x) => Math.min(1, x));
  }
}

/** Gibbs sampling from noise, `known` clamped ("." where a pixel is not known): on for a moment, or from the start with anything new.
 * `name` tells chains that go on beside each other apart.
 * @param {string} name @param {Which} which @param {string | null} known @param {number} seed @param {number} most sweeps @param {number} [atOnce] in this call */
export function dream(name, which, known, seed, most, atOnce = Infinity) {
  const model = modelOf(which);
  const all = known ?? ".".repeat(model.rbm.V);
  if (all.length !== model.rbm.V) throw new Error(`the picture has ${all.length} pixels, but the model has ${model.rbm.V} visible units`);
  const old = dreams[name];
  const same = old && old.model.rbm === model.rbm && old.known === all && old.seed === seed;
  const going = same ? old : (dreams[name] = new Dream(model, all, seed, known === null || model.large ? SHOWN : CHAINS));
  going.advance(most, atOnce);
  const { V, H } = model.rbm;
  const means = model.gibbs.visibleInputs(going.h.subarray(0, SHOWN * H)).map(sigmoid);
  return { known, sweeps: going.sweeps, chains: going.chains, stages: going.stages, mean: shades(going.mean(), 1), samples: shades(going.v.subarray(0, SHOWN * V), SHOWN), means: shades(means, SHOWN) };
}
