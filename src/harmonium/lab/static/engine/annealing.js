/** ln Z of an RBM whose layers are both too large to be enumerated, by annealed importance sampling forward and in reverse.
 *
 * Model beta of the path has the biases (1 - beta) base + beta rbm and the weights beta W; the base has independent units, so that its
 * ln Z is a sum and its samples are draws. With F_k the free energy of model k and T_k a Gibbs sweep that leaves it as it is,
 *
 *     forward:  v ~ base;  for k = 1 .. K:  ln w += F_{k-1}(v) - F_k(v),  then v ~ T_k(v)
 *     reverse:  v ~ rbm;   for k = K .. 1:  v ~ T_k(v),  then ln w += F_k(v) - F_{k-1}(v)
 *
 * E[w] is Z / Z_base forward and Z_base / Z in reverse. The logarithm of a mean is low in expectation, so the two estimates bracket ln Z;
 * Bennett's acceptance ratio joins them. The reverse runs start from chains that were tempered along the same path.
 *
 * References: R. Neal, Statistics and Computing 11 (2001); C. Bennett, J. Comput. Phys. 22 (1976); R. Grosse, S. Ancha and D. Roy, NeurIPS
 * 2016 (the bracket); G. Crooks, Phys. Rev. Lett. 99 (2007) (the steps). The same methods as in the library's `bidirectional_ais`. */
import { drawBits, Gibbs } from "./bits.js";
import { baseRate } from "./digits-training.js";
import { derive, uniform } from "./random.js";
import { dot, logSumExp, softplus, sumSoftplus } from "./rbm.js";

const RUNS = 100;
/** Chains from noise that help to place the base. */
const [BASE_CHAINS, BASE_SWEEPS] = [200, 100];
const PILOT_STEPS = 256;
const [MIN_STEPS, MAX_STEPS] = [1024, 16_384];
/** The standard deviation of the log weights that the number of steps is chosen for. */
const DEVIATION = 0.5;
const [RUNGS, TEMPERING_STEPS] = [12, 300];
const RESAMPLES = 400;

/** Rows of v on the path from the base to an RBM. */
class Path {
  /** @param {Rbm} rbm at temperature 1 @param {Float64Array} a the visible biases of the base; its hidden units are on with probability 1/2 */
  constructor(rbm, a) {
    this.rbm = rbm;
    this.a = a;
    this.gibbs = new Gibbs(rbm);
    this.inputs = new Float64Array(rbm.H);
    this.logPartition = rbm.H * Math.LN2 + sumSoftplus(a);
  }

  /** Draws from the base `[rows V]`. @param {number} rows @param {Key} key */
  start(rows, key) {
    return drawBits(this.a, new Uint8Array(rows * this.rbm.V), key);
  }

  /** -F of the row that begins at `from`, in each of the models `betas`. @param {Uint8Array} v @param {number} from @param {number[]} betas */
  minusFreeEnergies(v, from, betas) {
    const { V, a, b } = this.rbm;
    this.gibbs.up.sum(v, b, this.inputs, from, 1);
    const row = v.subarray(from, from + V);
    const [base, all] = [dot(this.a, row), dot(a, row)];
    return betas.map((beta) => base + beta * (all - base) + sumSoftplus(this.inputs, beta));
  }

  /** A Gibbs sweep of every row in model beta. @param {Uint8Array} v written @param {number} beta @param {Key} key */
  sweep(v, beta, key) {
    const { V } = this.rbm;
    const inputs = this.gibbs.hiddenInputs(v);
    for (let k = 0; k < inputs.length; k++) inputs[k] *= beta;
    const h = drawBits(inputs, new Uint8Array(inputs.length), derive(key, 0));
    const fields = this.gibbs.visibleInputs(h);
    for (let k = 0; k < fields.length; k++) fields[k] = beta * fields[k] + (1 - beta) * this.a[k % V];
    drawBits(fields, v, derive(key, 1));
  }

  /** Runs from `v`, which becomes their ends: the gains of the log weights, step by step, `[K rows]`.
   * @param {Uint8Array} v @param {number[]} betas from 0 to 1 @param {boolean} reverse @param {Key} key @returns {Generator<number, Float64Array[]>} */
  *anneal(v, betas, reverse, key) {
    const { V } = this.rbm;
    const gains = [];
    for (let n = 1; n < betas.length; n++) {
      const k = reverse ? betas.length - n : n;
      if (reverse) this.sweep(v, betas[k], derive(key, k));
      gains.push(Float64Array.from({ length: v.length / V }, (_, row) => {
        const [before, after] = this.minusFreeEnergies(v, row * V, [betas[k - 1], betas[k]]);
        return reverse ? before - after : after - before;
      }));
      if (!reverse) this.sweep(v, betas[k], derive(key, k));
      yield n / (betas.length - 1);
    }
    return gains;
  }

  /** Chains of the model itself by parallel tempering on the models `betas`, from 0 to 1, one ladder from each of the rows `v`, which
   * become the chains. @param {Uint8Array} v @param {number[]} betas @param {number} steps @param {Key} key @returns {Generator<number, void>} */
  *temper(v, betas, steps, key) {
    const { V } = this.rbm;
    const ladder = betas.map(() => v.slice());
    for (let step = 0; step < steps; step++) {
      const stepKey = derive(key, step);
      ladder.forEach((rows, r) => this.sweep(rows, betas[r], derive(stepKey, r)));
      for (let r = step % 2; r + 1 < betas.length; r += 2) {
        for (let from = 0; from < v.length; from += V) {
          const pair = [betas[r], betas[r + 1]];
          const [[low, high], [other, own]] = [ladder[r], ladder[r + 1]].map((rows) => this.minusFreeEnergies(rows, from, pair));
          if (Math.log(uniform(derive(stepKey, betas.length + r), from)) >= other + high - low - own) continue;
          const kept = ladder[r].slice(from, from + V);
          ladder[r].set(ladder[r + 1].subarray(from, from + V), from);
          ladder[r + 1].set(kept, from);
        }
      }
      yield (step + 1) / steps;
    }
    v.set(ladder[betas.length - 1]);
  }
}

/** ln Z between bounds. Rows near which the model has its probability place the base and half of the chains.
 * @param {Rbm} rbm at temperature 1 @param {Uint8Array} rows `[n V]` @param {Key} key @returns {Generator<Progress, LogPartition>} */
export function* bracketLogPartition(rbm, rows, key) {
  const { V } = rbm;
  // A base fitted to the rows alone would leave out modes that they do not show, and both directions would miss these in silence.
  const free = new Path(rbm, new Float64Array(V));
  const chains = free.start(BASE_CHAINS, derive(key, 8));
  for (let n = 0; n < BASE_SWEEPS; n++) {
    free.sweep(chains, 1, derive(derive(key, 9), n));
    yield { stage: "placing the temperatures", share: 0 };
  }
  const both = Uint8Array.from([...evenRows(rows, V, BASE_CHAINS), ...chains]);
  const path = new Path(rbm, baseRate(both, V));
  const even = Array.from({ length: PILOT_STEPS + 1 }, (_, k) => k / PILOT_STEPS);
  const pilot = yield* withStage("placing the temperatures", path.anneal(path.start(RUNS, derive(key, 0)), even, false, derive(key, 1)));
  const lengths = pilot.map(deviation);
  const needed = PILOT_STEPS * (deviation(totals(pilot)) / DEVIATION) ** 2;
  const steps = Math.ceil(Math.min(MAX_STEPS, Math.max(MIN_STEPS, needed)));
  const betas = evenSteps(lengths, steps);

  // Half of the chains start at data, half at noise: where they end up alike, they have forgotten their start.
  const v = path.start(RUNS, derive(key, 2));
  const some = evenRows(rows, V, RUNS);
  for (let from = 0; from < v.length; from += 2 * V) v.set(some.subarray(from, from + V), from);
  yield* withStage("sampling the model", path.temper(v, evenSteps(lengths, RUNGS - 1), TEMPERING_STEPS, derive(key, 3)));

  const forward = totals(yield* withStage("annealing forward", path.anneal(path.start(RUNS, derive(key, 4)), betas, false, derive(key, 5))));
  const reverse = totals(yield* withStage("annealing in reverse", path.anneal(v, betas, true, derive(key, 6))));
  const bootKey = derive(key, 7);
  const minusMean = (/** @type {Float64Array} */ w) => -logMean(w);
  const halves = [0, 1].map((half) => bootstrap(minusMean, [reverse.filter((_, n) => n % 2 === half)], bootKey));
  const joined = bootstrap(bennett, [forward, reverse], bootKey);
  const all = [bootstrap(logMean, [forward], bootKey), bootstrap(minusMean, [reverse], bootKey), joined, ...halves];
  const [lower, upper] = [Math.min(...all.map((each) => each.lower)), Math.max(...all.map((each) => each.upper))];
  // States that were found are a lower bound of ln Z, which may have a mode that no run came to.
  const found = new Map();
  for (let from = 0; from < both.length; from += V) found.set(both.subarray(from, from + V).join(""), path.minusFreeEnergies(both, from, [1])[0]);
  const certain = logSumExp([...found.values()]) - path.logPartition;
  const raised = Math.max(upper, certain > upper ? certain + upper - lower : upper);
  return {
    value: path.logPartition + Math.max(joined.value, certain),
    lower: path.logPartition + Math.max(lower, certain),
    upper: path.logPartition + raised,
    steps,
    runs: RUNS,
    converged: raised === upper && halves[0].lower <= halves[1].upper && halves[1].lower <= halves[0].upper,
  };
}

/** So many of the rows, evenly spaced. @param {Uint8Array} rows `[n V]` @param {number} V @param {number} count */
function evenRows(rows, V, count) {
  return Uint8Array.from({ length: count * V }, (_, k) => rows[Math.floor((Math.floor(k / V) * (rows.length / V)) / count) * V + (k % V)]);
}

/** @template T @param {string} stage @param {Generator<number, T>} work @returns {Generator<Progress, T>} */
function* withStage(stage, work) {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
    yield { stage, share: value };
  }
}

/** Betas from 0 to 1 so that each of `steps` steps adds equally to the deviation of the log weights, from the deviations on a grid. */
function evenSteps(/** @type {number[]} */ lengths, /** @type {number} */ steps) {
  // A pilot that saw little of a stretch must not leave it without steps.
  const mean = lengths.reduce((sum, x) => sum + x, 0) / lengths.length + 1e-12;
  const along = [0];
  for (const length of lengths) along.push(along[along.length - 1] + length + 0.1 * mean);
  const betas = [];
  for (let k = 0, n = 0; k <= steps; k++) {
    const at = (along[lengths.length] * k) / steps;
    while (n < lengths.length - 1 && along[n + 1] < at) n++;
    betas.push(Math.min(1, (n + (at - along[n]) / (along[n + 1] - along[n])) / lengths.length));
  }
  betas[steps] = 1;
  return betas;
}

/** The log weight of each run. @param {Float64Array[]} gains */
const totals = (gains) => gains[0].map((_, run) => gains.reduce((sum, each) => sum + each[run], 0));
function deviation(/** @type {Float64Array} */ x) {
  const mean = x.reduce((sum, y) => sum + y, 0) / x.length;
  return Math.sqrt(x.reduce((sum, y) => sum + (y - mean) ** 2, 0) / (x.length - 1));
}
const logMean = (/** @type {Float64Array} */ x) => logSumExp(x) - Math.log(x.length);

/** ln Z_1 / Z_0: the c at which sum_i s(f_i - c - m) = sum_j s(r_j + c + m), s the sigmoid, m the log ratio of the numbers of runs. */
function bennett(/** @type {Float64Array} */ forward, /** @type {Float64Array} */ reverse) {
  const offset = Math.log(forward.length / reverse.length);
  let low = Math.min(Math.min(...forward), -Math.max(...reverse)) - Math.abs(offset) - 1;
  let high = Math.max(Math.max(...forward), -Math.min(...reverse)) + Math.abs(offset) + 1;
  for (let n = 0; n < 50; n++) {
    const middle = (low + high) / 2;
    const left = logSumExp(forward.map((f) => -softplus(middle + offset - f)));
    const right = logSumExp(reverse.map((r) => -softplus(-r - middle - offset)));
    if (left > right) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** A statistic of independent samples with its percentile interval under resampling. @returns {Interval} */
function bootstrap(/** @type {(...samples: Float64Array[]) => number} */ statistic, /** @type {Float64Array[]} */ samples, /** @type {Key} */ key) {
  const value = statistic(...samples);
  const drawn = Float64Array.from({ length: RESAMPLES }, (_, n) =>
    statistic(...samples.map((sample, s) => sample.map((_, k) => sample[Math.floor(uniform(derive(derive(key, n), s), k) * sample.length)]))),
  ).sort();
  const tail = Math.floor(0.025 * RESAMPLES);
  return { value, lower: Math.min(value, drawn[tail]), upper: Math.max(value, drawn[RESAMPLES - 1 - tail]) };
}
