/** Chapter 4: a thousand updates of contrastive divergence, drawn and exact, around the gradient.
 *
 * One update of CD-k is v h^T - v' h'^T with h drawn from p(h|v) and (v', h') the end of k sweeps that start from it; a persistent
 * chain (PCD) goes on from its last h instead. In these units the exact gradient is the positive minus the negative term; a step is
 * eta / T times as long. Directions and statistics are rows of P or D numbers.
 *
 * Reference: A. Fischer and C. Igel, "Bounding the bias of contrastive divergence learning", Neural Computation 23 (2011). */
import { derive, dot, keyOf, numberOf, rbmOf, sampleState, Tables, tabulate } from "../engine.js";
import { expectedUpdates, gradientAt, learning, product } from "./gradient.js";

const UPDATES = 1000;
/** An update that leads less far than this along the gradient leads neither up nor down: the rest is rounding. */
const NOTHING = 1e-12;

/** A cloud of a thousand updates in a plane: that of the gradient and CD-1's bias, or of two chosen parameters.
 * @param {Machine} machine @param {number} temperature @param {number[]} target @param {boolean} biases @param {number} seed @param {number} draw
 * @param {string} method "cd-3" for three sweeps, or "pcd" @param {number} chains averaged in each update @param {[number, number] | null} axes */
export function thousand(machine, temperature, target, biases, seed, draw, method, chains, axes) {
  const tables = new Tables(rbmOf(machine, temperature));
  const slope = gradientAt(tables.rbm, target, biases);
  const P = slope.length;
  const bias = expectedUpdates(tables, target, biases, 1)[0].map((x, k) => x - slope[k]);
  const plane = axes ? axes.map((at) => tabulate(P, (k) => (k === at ? 1 : 0))) : planeOf(slope, bias);
  const statistics = statisticsOf(tables, learning(tables.rbm, biases));
  const along = (/** @type {Float64Array} */ x) => /** @type {Pair} */ (plane.map((direction) => dot(direction, x)));
  const wanted = statistics.map((row) => Float64Array.from([...row, ...along(row)]));
  const sweeps = method === "pcd" ? 0 : Number(method.slice(3));
  const moments = sweeps ? cdMoments(tables, target, wanted, sweeps, UPDATES * chains) : pcdMoments(tables, target, wanted, UPDATES, chains);
  const seen = statistics.map((row) => [...along(row), dot(slope, row)]);
  const draws = drawUpdates(tables, target, statistics, seen, sweeps, chains, derive(keyOf(seed), draw));
  const places = /** @type {Map<string, [number, number, number]>} */ (new Map());
  for (const point of draws.points) {
    const [x, y] = point.slice(0, 2).map((value) => Number(value.toFixed(9)) + 0);
    const place = places.get(`${x},${y}`) ?? [x, y, 0];
    place[2]++;
    places.set(`${x},${y}`, place);
  }
  const sorted = [...places.values()].sort((p, q) => p[0] - q[0] || p[1] - q[1]);
  return {
    method,
    chains,
    updates: UPDATES,
    biases,
    along_gradient: axes === null,
    points: { x: sorted.map(([x]) => x), y: sorted.map(([, y]) => y), count: sorted.map(([, , n]) => n) },
    gradient: along(slope),
    mean: along(draws.mean),
    expected: /** @type {Pair} */ (moments.mean.slice(P)),
    error: /** @type {Pair} */ (moments.error.slice(P)),
    uphill: draws.points.filter((point) => point[2] > NOTHING).length / UPDATES,
    downhill: draws.points.filter((point) => point[2] < -NOTHING).length / UPDATES,
    length: Math.hypot(...slope),
    bias: Math.hypot(...slope.map((x, k) => moments.mean[k] - x)),
    noise: Math.hypot(...moments.error.slice(0, P)),
    found: Math.hypot(...slope.map((x, k) => draws.mean[k] - x)),
    parameters: { name: namesOf(machine, biases), gradient: [...slope], expected: moments.mean.slice(0, P), mean: [...draws.mean], error: moments.error.slice(0, P) },
  };
}

/** @param {Machine} machine @param {boolean} biases @returns {Name[]} */
function namesOf({ weights, a, b }, biases) {
  const all = /** @type {Name[]} */ (weights.flatMap((row, i) => row.map((_, j) => /** @type {Name} */ (["w", i + 1, j + 1]))));
  return biases ? [...all, ...a.map((_, i) => /** @type {Name} */ (["a", i + 1])), ...b.map((_, j) => /** @type {Name} */ (["b", j + 1]))] : all;
}

/** Two orthonormal directions: the gradient, and what is left of CD-1's bias across it. Where either of them vanishes, the first
 * parameters' own directions take its place; a single parameter leaves the second zero. @param {Float64Array} slope @param {Float64Array} bias */
function planeOf(slope, bias) {
  const chosen = /** @type {Float64Array[]} */ ([]);
  const own = Array.from(slope, (_, at) => slope.map((_, k) => (k === at ? 1 : 0)));
  for (const vector of [slope, bias, ...own]) {
    const rest = chosen.reduce((left, direction) => left.map((x, k) => x - direction[k] * dot(direction, vector)), vector);
    const length = Math.hypot(...rest);
    if (length > 1e-9 && chosen.length < 2) chosen.push(rest.map((x) => x / length));
  }
  return chosen.length === 2 ? chosen : [...chosen, new Float64Array(slope.length)];
}

/** What each configuration adds to an expectation: `count` parameters' v_i h_j, v_i, h_j. @param {Tables} tables @param {number} count */
function statisticsOf({ n, m, v, h, rbm }, count) {
  const row = (/** @type {Float64Array} */ states, /** @type {number} */ k, /** @type {number} */ units) => states.subarray(k * units, (k + 1) * units);
  return Array.from({ length: n * m }, (_, k) => product(rbm, row(v, Math.floor(k / m), rbm.V), row(h, k % m, rbm.H)).subarray(0, count));
}

/** The expectation after one sweep of `f`, given the h before it: rows `[m]` of D numbers. @param {Tables} tables @param {Float64Array[]} f of (v, h) */
function afterSweep({ n, m, hiddenGivenVisible: up, visibleGivenHidden: down }, f) {
  const givenV = Array.from({ length: n }, (_, v) => mix(up.subarray(v * m, (v + 1) * m), f.slice(v * m, (v + 1) * m)));
  return Array.from({ length: m }, (_, h) => mix(down.subarray(h * n, (h + 1) * n), givenV));
}

/** p(h'|h), rows `[m]`. @param {Tables} tables */
function transitions(tables) {
  const { n, m } = tables;
  return afterSweep(tables, Array.from({ length: n * m }, (_, k) => tabulate(m, (h) => (h === k % m ? 1 : 0))));
}

/** sum_k weights_k rows_k. @param {ArrayLike<number>} weights @param {Float64Array[]} rows */
function mix(weights, rows) {
  const sum = new Float64Array(rows[0].length);
  for (let k = 0; k < rows.length; k++) {
    const weight = weights[k];
    if (weight !== 0) for (let d = 0; d < sum.length; d++) sum[d] += weight * rows[k][d];
  }
  return sum;
}

const squared = (/** @type {Float64Array[]} */ rows) => rows.map((row) => row.map((x) => x * x));

/** Of CD-`sweeps`, for a cloud of independent updates. @param {Tables} tables @param {number[]} target @param {Float64Array[]} statistics
 * @param {number} sweeps @param {number} updates @returns {Moments} */
function cdMoments(tables, target, statistics, sweeps, updates) {
  const { m, hiddenGivenVisible } = tables;
  const row = numberOf(target);
  const start = hiddenGivenVisible.subarray(row * m, (row + 1) * m);
  const positive = statistics.slice(row * m, (row + 1) * m);
  const sweep = transitions(tables);
  let [first, second] = [afterSweep(tables, statistics), afterSweep(tables, squared(statistics))];
  for (let k = 1; k < sweeps; k++) [first, second] = [first, second].map((f) => sweep.map((p) => mix(p, f)));
  const mean = mix(start, positive.map((row, h) => row.map((x, d) => x - first[h][d])));
  const square = mix(start, positive.map((row, h) => row.map((x, d) => x * x - 2 * x * first[h][d] + second[h][d])));
  return { mean: [...mean], error: Array.from(square, (x, d) => Math.sqrt(Math.max(0, x - mean[d] ** 2) / updates)) };
}

/** Of successive updates, each with one more sweep of `chains` chains that began at the target.
 *
 * The standard error allows for the chains' memory. With R the sum of the statistics still to come, the recursion
 * <R> = <f> + <R'>, <R^2> = <f^2> + 2 <f R'> + <R'^2> runs back from the last sweep to the first.
 * @param {Tables} tables @param {number[]} target @param {Float64Array[]} statistics @param {number} updates @param {number} chains @returns {Moments} */
function pcdMoments(tables, target, statistics, updates, chains) {
  const { n, m, hiddenGivenVisible: up, visibleGivenHidden: down } = tables;
  const row = numberOf(target);
  const start = up.subarray(row * m, (row + 1) * m);
  const positive = statistics.slice(row * m, (row + 1) * m);
  const [first, second] = [afterSweep(tables, statistics), afterSweep(tables, squared(statistics))];
  const sweep = transitions(tables);
  // sum_v p(v|h) p(h'|v) f(v, h').
  const column = (/** @type {number} */ g) => Array.from({ length: n }, (_, v) => statistics[v * m + g]);
  const together = sweep.map((_, h) => sweep.map((_, g) => mix(tabulate(n, (v) => down[h * n + v] * up[v * m + g]), column(g))));
  let [coming, square] = [first.map((x) => x.map(() => 0)), first.map((x) => x.map(() => 0))];
  for (let update = 0; update < updates; update++) {
    const ahead = sweep.map((p) => mix(p, coming));
    square = sweep.map((p, h) => {
      const next = mix(p, square);
      for (let d = 0; d < next.length; d++) next[d] += second[h][d];
      for (let g = 0; g < m; g++) for (let d = 0; d < next.length; d++) next[d] += 2 * together[h][g][d] * coming[g][d];
      return next;
    });
    coming = ahead.map((x, h) => x.map((y, d) => y + first[h][d]));
  }
  const [negative, mean, meanSquare, sumSquare] = [mix(start, coming), mix(start, positive), mix(start, squared(positive)), mix(start, square)];
  const variance = Array.from(mean, (x, d) => Math.max(0, sumSquare[d] - negative[d] ** 2) / updates ** 2 + Math.max(0, meanSquare[d] - x * x) / updates);
  return { mean: Array.from(mean, (x, d) => x - negative[d] / updates), error: variance.map((x) => Math.sqrt(x / chains)) };
}

/** A cloud: its updates along each direction and their mean over all parameters. Each is the mean over `chains` chains, which begin at
 * the target, or go on from update to update where `sweeps` is 0.
 * @param {Tables} tables @param {number[]} target @param {Float64Array[]} statistics @param {number[][]} seen along the directions
 * @param {number} sweeps @param {number} chains @param {Key} key */
function drawUpdates({ m, rbm: { V, H }, hiddenMeans, visibleMeans }, target, statistics, seen, sweeps, chains, key) {
  const row = numberOf(target);
  const counts = new Float64Array(statistics.length);
  const points = [];
  const kept = new Int32Array(chains);
  for (let c = 0; c < chains; c++) kept[c] = sampleState(hiddenMeans, row, H, derive(key, UPDATES), c * H);
  for (let update = 0; update < UPDATES; update++) {
    const updateKey = derive(key, update);
    const keys = Array.from({ length: 1 + 2 * Math.max(1, sweeps) }, (_, n) => derive(updateKey, n));
    const point = seen[0].map(() => 0);
    for (let c = 0; c < chains; c++) {
      const begin = sampleState(hiddenMeans, row, H, keys[0], c * H);
      let [v, h] = [0, sweeps ? begin : kept[c]];
      for (let n = 1; n < keys.length; n += 2) {
        v = sampleState(visibleMeans, h, V, keys[n], c * V);
        h = sampleState(hiddenMeans, v, H, keys[n + 1], c * H);
      }
      kept[c] = h;
      counts[row * m + begin]++;
      counts[v * m + h]--;
      for (let d = 0; d < point.length; d++) point[d] += (seen[row * m + begin][d] - seen[v * m + h][d]) / chains;
    }
    points.push(point);
  }
  return { points, mean: mix(counts.map((x) => x / (UPDATES * chains)), statistics) };
}
