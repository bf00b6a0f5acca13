/** Chapter 3, the chain: half-steps with their random numbers, runs and their visits, many chains at once, and a ladder of
 * temperatures. After a given number of sweeps a chain is where its machine, temperature, start and seed put it, however its steps
 * were bundled; `harmonium chain` makes the same one. */
import { Convergence, derive, distance, distanceOfDraws, drawLayer, keyOf, numberOf, rungsOf, sampleState, startLadder, tabulate, temper, texts } from "../engine.js";

/** How many of the latest visits are kept to be drawn. */
export const RECENT = 240;
/** The numbers of sweeps, about twenty in every factor of ten, at which distances are kept. */
const CHECKPOINTS = new Set(Array.from({ length: 9 * 20 + 1 }, (_, k) => Math.round(10 ** (k / 20))));

/** @param {Tables} tables @returns {Distribution} */
export function distributionOf(tables) {
  const { rbm, m, joint, visible } = tables;
  const [vs, hs] = [texts(rbm.V), texts(rbm.H)];
  const convergence = new Convergence(tables);
  return {
    tables,
    convergence,
    v: Array.from(joint, (_, k) => vs[Math.floor(k / m)]),
    h: Array.from(joint, (_, k) => hs[k % m]),
    probability: [...joint],
    visible: { states: vs, probability: [...visible] },
    upper: visible.reduce((sum, p, v) => sum + (isUpper(v, rbm.V) ? p : 0), 0),
    relaxation: convergence.relaxation,
  };
}

/** Whether more than half of the units of state number `n` are on. @param {number} n @param {number} units */
function isUpper(n, units) {
  return 2 * unitsOn(n) > units;
}

function unitsOn(/** @type {number} */ n) {
  let count = 0;
  for (let rest = n; rest; rest &= rest - 1) count++;
  return count;
}

/** The key of a chain's half-step: 0 samples the first h, 1, 3, .. v, and 2, 4, .. h. @param {number} seed @param {number} half */
function keyOfHalf(seed, half) {
  const key = keyOf(seed);
  if (half === 0) return derive(key, 0);
  return derive(derive(derive(key, 1), Math.floor((half - 1) / 2)), (half + 1) % 2);
}

/** @param {Experiment} experiment @param {number} half @param {number} given the other layer's state @returns {LayerDraws} */
function drawsOf({ distribution: { tables }, seed }, half, given) {
  const { rbm, v, h } = tables;
  const up = half % 2 === 0;
  const units = up ? rbm.V : rbm.H;
  const state = (up ? v : h).subarray(given * units, (given + 1) * units);
  return { given: state.join(""), ...drawLayer(rbm, up, state, keyOfHalf(seed, half)) };
}

/** Move a chain on by a half-step or by whole sweeps; a sweep begun by half-steps is ended first and counts as one. @returns {Chain} */
export function runChain(/** @type {Experiment} */ experiment, /** @type {Chain | null} */ now, /** @type {"half" | number} */ what) {
  const { distribution: { tables }, seed, start } = experiment;
  const { rbm, m, hiddenMeans, visibleMeans } = tables;
  const number = (/** @type {string} */ bits) => parseInt(bits, 2);
  const before = number(now?.chain.v ?? start);
  let [v, h, half] = [before, number(now?.chain.h ?? "0"), now?.chain.half ?? 0];
  const visits = /** @type {number[]} */ ([]);
  const draws = { ...now?.draws };
  const fresh = /** @type {("v" | "h")[]} */ ([]);
  const step = (/** @type {boolean} */ shown) => {
    const up = half % 2 === 0;
    if (shown) {
      draws[up ? "h" : "v"] = drawsOf(experiment, half, up ? v : h);
      fresh.push(up ? "h" : "v");
    }
    const key = keyOfHalf(seed, half);
    if (up) h = sampleState(hiddenMeans, v, rbm.H, key);
    else v = sampleState(visibleMeans, h, rbm.V, key);
    if (up && half > 0) visits.push(v * m + h);
    half++;
  };
  if (what === "half") step(true);
  else while (visits.length < what) step(visits.length === what - 1);
  return {
    ...count(experiment.distribution, now, visits, before, true),
    chain: { v: texts(rbm.V)[v], h: half ? texts(rbm.H)[h] : null, half },
    draws,
    fresh: what === "half" || what === 1 ? fresh.slice(-2) : [],
  };
}

/** The visits so far and new ones. @param {Distribution} distribution @param {Visits | null} now @param {number[]} visits @param {number} before v's number before
 * them @param {boolean} exactErrors whether the chain is a Gibbs chain, the errors of which are known @returns {Visits} */
function count({ tables, convergence, probability }, now, visits, before, exactErrors) {
  const { m, rbm } = tables;
  const counts = now ? [...now.counts] : Array(probability.length).fill(0);
  let [sweeps, crossings, side] = [now?.sweeps ?? 0, now?.crossings ?? 0, isUpper(before, rbm.V)];
  const share = () => counts.map((n) => n / sweeps);
  const more = /** @type {Distance} */ ({ sweeps: [], chain: [], draws: [] });
  for (const visit of visits) {
    counts[visit]++;
    sweeps++;
    const next = isUpper(Math.floor(visit / m), rbm.V);
    if (next !== side) crossings++;
    side = next;
    if (!CHECKPOINTS.has(sweeps)) continue;
    more.sweeps.push(sweeps);
    more.chain.push(distance(share(), probability));
    more.draws.push(distanceOfDraws(probability, sweeps));
  }
  const frequency = sweeps ? share() : counts;
  const errors = exactErrors && sweeps ? convergence.errors(sweeps) : null;
  return {
    sweeps,
    counts,
    ...compare(tables, frequency, errors),
    upper: frequency.reduce((sum, f, k) => sum + (isUpper(Math.floor(k / m), rbm.V) ? f : 0), 0),
    crossings,
    now: sweeps ? distance(frequency, probability) : null,
    expected: sweeps ? distanceOfDraws(probability, sweeps) : null,
    distance: joined(now?.distance, more),
    recent: [...(now?.recent ?? []), ...visits.slice(-RECENT)].slice(-RECENT),
  };
}

/** @param {Distance | undefined} before @param {Distance} more @returns {Distance} */
function joined(before, more) {
  if (!before) return more;
  return /** @type {Distance} */ (Object.fromEntries(Object.keys(more).map((name) => [name, [...before[name], ...more[name]]])));
}

/** @param {Tables} tables @param {number[]} frequency of (v, h) @param {{joint: number[], visible: number[]} | null} errors
 * @returns {Found & {visible: Found}} */
function compare({ n, m, joint, visible }, frequency, errors) {
  const deviation = (/** @type {number[]} */ found, /** @type {Float64Array} */ p, /** @type {number[] | undefined} */ error) =>
    error ? found.map((f, k) => (error[k] > 0 ? (f - p[k]) / error[k] : null)) : null;
  const alone = Array(n).fill(0);
  frequency.forEach((f, k) => (alone[Math.floor(k / m)] += f));
  return {
    frequency,
    error: errors?.joint ?? null,
    deviation: deviation(frequency, joint, errors?.joint),
    visible: { frequency: alone, error: errors?.visible ?? null, deviation: deviation(alone, visible, errors?.visible) },
  };
}

/** Chains side by side, number k with seed + k: how far all of them together are from the table after each sweep. Exact beside it: the
 * distance of the distribution of one chain after as many sweeps from the same start.
 * @param {Experiment} experiment @param {number} chains @param {Crowd | null} now @param {number} sweeps @returns {Crowd} */
export function runMany({ distribution: { tables, probability }, seed, start }, chains, now, sweeps) {
  const { rbm, n, m, hiddenMeans, visibleMeans } = tables;
  const first = numberOf([...start].map(Number));
  const states = now ? now.states.slice() : Int32Array.from({ length: chains }, (_, c) => first * m + sampleState(hiddenMeans, first, rbm.H, keyOfHalf(seed + c, 0)));
  let exact = now?.exact_v ?? tabulate(n, (v) => (v === first ? 1 : 0));
  let made = now?.made ?? 0;
  const frequencies = () => {
    const counts = Array(n * m).fill(0);
    for (const state of states) counts[state]++;
    return counts.map((count) => count / chains);
  };
  const more = /** @type {Distance} */ ({ sweeps: [], chain: [], exact: [] });
  for (let k = 0; k < sweeps; k++) {
    for (let c = 0; c < chains; c++) {
      const key = derive(derive(keyOf(seed + c), 1), made);
      const v = sampleState(visibleMeans, states[c] % m, rbm.V, derive(key, 0));
      states[c] = v * m + sampleState(hiddenMeans, v, rbm.H, derive(key, 1));
    }
    exact = tables.sweep(exact);
    made++;
    if (!CHECKPOINTS.has(made)) continue;
    more.sweeps.push(made);
    more.chain.push(distance(frequencies(), probability));
    more.exact.push(distance(tables.withHidden(exact), probability));
  }
  const frequency = frequencies();
  const [joint, visible] = [tables.joint, tables.visible].map((ps) => Array.from(ps, (p) => Math.sqrt((p * (1 - p)) / chains)));
  const on = Array.from(states, (state) => unitsOn(Math.floor(state / m)) / rbm.V);
  return {
    states,
    exact_v: exact,
    made,
    on,
    visible: compare(tables, frequency, { joint, visible }).visible,
    upper: on.filter((share) => share > 0.5).length / chains,
    now: distance(frequency, probability),
    exact: distance(tables.withHidden(exact), probability),
    expected: distanceOfDraws(probability, chains),
    distance: joined(now?.distance, more),
  };
}

/** Steps of parallel tempering on one ladder, from infinite temperature to the machine's own, whose visits are counted. @returns {Tempered} */
export function runLadder(/** @type {Experiment} */ { distribution, seed, start }, /** @type {number} */ rungs, /** @type {Tempered | null} */ now, /** @type {number} */ steps) {
  const { rbm, m } = distribution.tables;
  const models = rungsOf(rbm, rungs);
  const key = keyOf(seed);
  const v = [...start].map(Number);
  let ladder = now?.state ?? startLadder(v, rungs, rbm.H);
  const top = (rungs - 1) * rbm.V;
  const before = numberOf(ladder.v.subarray(top));
  const visits = /** @type {number[]} */ ([]);
  for (let k = 0; k < steps; k++) {
    ladder = temper(models, ladder, key);
    visits.push(numberOf(ladder.v.subarray(top)) * m + numberOf(ladder.h));
  }
  return {
    ...count(distribution, now, visits, before, false),
    ladder: { at: models.map((_, n) => [...ladder.v.subarray(n * rbm.V, (n + 1) * rbm.V)].join("")), acceptance: ladder.acceptance, round_trips: ladder.roundTrips, steps: ladder.steps },
    temperature: models.map((_, n) => (n === 0 ? null : (rbm.temperature * (rungs - 1)) / n)),
    exchanges: ladder.chance.flatMap((chance, rung) => (Number.isNaN(chance) ? [] : [{ rung, chance, drawn: ladder.drawn[rung], exchanged: ladder.drawn[rung] < chance }])),
    state: ladder,
  };
}
