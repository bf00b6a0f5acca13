/** A training on the digits as the page follows it: figures on the way, pauses, and the likelihood at the end. Calls are short; what
 * takes longer goes on from one call to the next. */
import { bracketLogPartition } from "../engine/annealing.js";
import { Gibbs } from "../engine/bits.js";
import { baseRate, DigitsTraining } from "../engine/digits-training.js";
import { digits, PIXELS } from "../engine/digits.js";
import { createRbm, freeEnergies, keyOf, logPartition, MAX_ENUMERATED, sigmoid, softplus } from "../engine.js";
import { filtersOf, ImageModel, mean, shades } from "./image-model.js";

const UPDATES = 10_000;
const SHOWN = 24;
/** Time in a call, in milliseconds: other calls wait for so long, and the page draws each call's pictures, which takes time from the training. */
const CALL_MS = 200;
/** Figures are taken every so many ms at most, and take a sixth of the time at most. */
const [MEASURE_MS, MEASURE_SHARE] = [500, 1 / 6];

export class TrainingRun {
  constructor(/** @type {DigitsSettings} */ settings) {
    this.settings = settings;
    this.training = new DigitsTraining(settings.hidden, settings.rate, settings.seed);
    this.exact = settings.hidden <= MAX_ENUMERATED;
    /** @type {Phase} */ this.phase = "training";
    this.problem = "";
    /** @type {TrainingHistory} */ this.history = { step: [], train: [], valid: [], gap: [] };
    this.stage = { stage: "", share: 0 };
    /** @type {Closing | null} */ this.closing = null;
    /** @type {Generator<Progress, Closing> | null} */ this.work = null;
    this.speed = 0;
    this.due = performance.now() + MEASURE_MS;
    this.model = this.#measure();
  }

  /** Go on for a moment. @param {string} order "play", "pause", "close" (stop, and find the likelihood), "skip" (the likelihood) or "" @param {number} most updates */
  advance(order, most) {
    if (this.phase === "training" || this.phase === "paused") {
      if (order === "pause") this.phase = "paused";
      if (order === "play") this.phase = "training";
    }
    try {
      if (this.phase === "training" && order !== "close") this.#train(most);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      [this.phase, this.problem] = ["failed", error.message];
    }
    const over = this.phase === "training" && this.training.step >= UPDATES;
    const waits = this.phase === "training" || this.phase === "paused";
    if ((over || order === "pause" || (order === "close" && waits)) && this.history.step.at(-1) !== this.training.step) this.model = this.#measure();
    if (over || (order === "close" && waits)) {
      this.phase = "evaluating";
      this.work = this.#evaluate();
    }
    if (this.phase === "evaluating") this.#continue(order === "skip");
  }

  #train(/** @type {number} */ most) {
    const { training } = this;
    const [from, begun] = [training.step, performance.now()];
    const end = Math.min(UPDATES, from + most);
    while (training.step < end && performance.now() - begun < CALL_MS) training.update();
    const now = performance.now();
    this.speed = (1000 * (training.step - from)) / Math.max(1, now - begun);
    if (now < this.due) return;
    this.model = this.#measure();
    this.due = performance.now() + Math.max(MEASURE_MS, (performance.now() - now) / MEASURE_SHARE);
  }

  /** The figures of the average as it is; the model that answers from now on. */
  #measure() {
    const { average, step } = this.training;
    const rbm = createRbm(average.V, average.H, average.theta.slice());
    const model = new ImageModel(rbm, "the model trained here", { image_shape: [8, 8], trained_on: "digits" });
    const { train, valid } = digits();
    const [n, all] = [valid.length / PIXELS, train.length / PIXELS];
    const some = Uint8Array.from({ length: valid.length }, (_, k) => train[Math.floor((Math.floor(k / PIXELS) * (all - 1)) / (n - 1)) * PIXELS + (k % PIXELS)]);
    const [one, other] = [some, valid].map((rows) => mean(model.gibbs.freeEnergies(rows)));
    const { history } = this;
    history.step.push(step);
    history.gap.push(other - one);
    const of = (/** @type {Uint8Array} */ rows, /** @type {number} */ free) => (model.logPartition === null ? pseudo(model.gibbs, rows) : -free - model.logPartition);
    history.train.push(of(some, one));
    history.valid.push(of(valid, other));
    return model;
  }

  /** @returns {Generator<Progress, Closing>} */
  *#evaluate() {
    const { rbm, gibbs, logPartition: logZ } = this.model;
    const { train, test } = digits();
    const [free, own] = [test, train].map((rows) => -mean(gibbs.freeEnergies(rows)));
    const independent = createRbm(PIXELS, 1);
    independent.a.set(baseRate(train, PIXELS));
    const baseline = -mean(freeEnergies(independent, test)) - logPartition(independent);
    if (logZ !== null) {
      const exact = free - logZ;
      return { mean: exact, lower: exact, upper: exact, exact: true, method: "", warning: "", train: own - logZ, baseline };
    }
    const { value, lower, upper, runs, steps, converged } = yield* bracketLogPartition(rbm, train, keyOf(this.settings.seed));
    const method = `annealing forward and in reverse, ${runs} runs of ${steps.toLocaleString("en-US")} steps each way`;
    const warning = converged ? "" : "the chains may not have reached every mode, so the interval may be too narrow";
    return { mean: free - value, lower: free - upper, upper: free - lower, exact: false, method, warning, train: own - value, baseline };
  }

  #continue(/** @type {boolean} */ skipped) {
    const begun = performance.now();
    while (!skipped && this.work && performance.now() - begun < CALL_MS) {
      const { done, value } = this.work.next();
      if (done) {
        this.closing = value;
        break;
      }
      this.stage = value;
    }
    if (skipped || this.closing) [this.phase, this.work] = ["done", null];
  }

  /** @returns {View} */
  view() {
    const { phase, problem, settings, speed, exact, history, stage, closing, training } = this;
    const { V, H } = training.iterate;
    const h = training.h.subarray(0, SHOWN * H);
    const means = training.gibbs.visibleInputs(h).map(sigmoid);
    const pictures = { filters: filtersOf(training.average), chains: shades(training.v.subarray(0, SHOWN * V), SHOWN), means: shades(means, SHOWN) };
    return { phase, problem, settings, updates: UPDATES, step: training.step, speed, exact, pictures, history, stage, closing };
  }
}

/** The mean over rows of sum_i ln p(v_i | all other pixels). @param {Gibbs} gibbs @param {Uint8Array} rows */
function pseudo(gibbs, rows) {
  const { V, H, weights, a } = gibbs.rbm;
  const inputs = gibbs.hiddenInputs(rows);
  let sum = 0;
  for (let row = 0; row * V < rows.length; row++) {
    for (let i = 0; i < V; i++) {
      const turned = 1 - 2 * rows[row * V + i];
      // -F of the row with this pixel turned over, minus -F of the row.
      let [change, product] = [turned * a[i], 1];
      for (let j = 0, k = i * H; j < H; j++, k++) {
        const x = inputs[row * H + j];
        const y = x + turned * weights[k];
        change += Math.max(y, 0) - Math.max(x, 0);
        product *= (1 + Math.exp(-Math.abs(y))) / (1 + Math.exp(-Math.abs(x)));
      }
      sum -= softplus(change + Math.log(product));
    }
  }
  return (sum * V) / rows.length;
}
