/** The engine's figures beside the library's, which `test_engine.py` writes. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

const load = (name) => import(`${process.env.ENGINE}/${name}.js`);
const { createRbm, freeEnergies, moved } = await load("rbm");
const { logPartition, logVisible, moments, numberOf, states, Tables } = await load("table");
const { derive, keyOf, uniform } = await load("random");
const { rungsOf, sampleHidden, startLadder, sweep, temper } = await load("chains");
const { cdGradient, center, exactGradient, pcdGradient } = await load("gradients");
const figures = JSON.parse(readFileSync(process.env.FIGURES, "utf8"));

const rbmOf = ({ V, H, theta, temperature = 1 }) => createRbm(V, H, Float64Array.from(theta), temperature);

/** Equal to 1e-12, relative where numbers are large and absolute where they are small. */
function close(found, expected, what, tolerance = 1e-12) {
  const [x, y] = [found, expected].map((values) => (typeof values === "number" ? [values] : [...values]));
  assert.equal(x.length, y.length, what);
  x.forEach((value, k) => assert.ok(Math.abs(value - y[k]) <= tolerance * Math.max(1, Math.abs(y[k])), `${what}[${k}] is ${value}, the library's ${y[k]}`));
}

/** Equal to 1e-12 of each number's own size, however small. */
function relative(found, expected, what, tolerance = 1e-12) {
  expected.forEach((y, k) => assert.ok(Math.abs(found[k] - y) <= tolerance * Math.abs(y) + 1e-300, `${what}[${k}] is ${found[k]}, the library's ${y}`));
}

test("random numbers are those of the library's keys", () => {
  const { seeds, uniform: expected } = figures.random;
  seeds.forEach((seed, n) => assert.deepEqual(expected[n].map((_, k) => uniform(derive(keyOf(seed), 2), k)), expected[n]));
});

figures.cases.forEach((given, number) => {
  const name = `${number}: ${given.V}x${given.H} at T = ${given.temperature}`;
  const rbm = rbmOf(given);
  const size = Math.max(1, ...given.energy.map(Math.abs)) / given.temperature;

  test(`tables of ${name}`, () => {
    const tables = new Tables(rbm);
    close(tables.energy, given.energy, "energy");
    close(tables.logPartition, given.log_partition, "ln Z");
    close(logPartition(rbm), given.log_partition, "ln Z, enumerated");
    // Rounding of an exponent of hundreds is that of its size.
    relative(tables.joint, given.joint, "joint", 1e-14 * size + 1e-12);
    relative(tables.visible, given.visible, "visible", 1e-14 * size + 1e-12);
    relative(tables.hidden, given.hidden, "hidden", 1e-14 * size + 1e-12);
    close(tables.logVisible, given.log_visible, "ln p(v)");
    close(logVisible(rbm), given.log_visible, "ln p(v), enumerated");
    close(freeEnergies(rbm, tables.v), given.free_energy, "free energy");
    close(tables.negative, given.moments, "moments");
    close(moments(rbm), given.moments, "moments, enumerated");
    close(tables.hiddenMeans, given.hidden_means, "hidden means");
    close(tables.visibleMeans, given.visible_means, "visible means");
    close(tables.hiddenGivenVisible, given.hidden_given_visible, "p(h|v)");
    close(tables.visibleGivenHidden, given.visible_given_hidden, "p(v|h)");
  });

  test(`gradients of ${name}`, () => {
    // The library divides the parameters by T; so do the estimators of a machine that has been divided.
    const cold = createRbm(given.V, given.H, rbm.theta.map((x) => x / given.temperature));
    const rows = Float64Array.from(given.rows);
    const { exact, cd, cd_3, pcd, centered } = given.gradients;
    const { offsets } = given;
    close(exactGradient(cold, rows).gradient, exact, "exact");
    close(exactGradient(rbm, rows).gradient, exact, "exact, at a temperature");
    close(cdGradient(cold, rows, keyOf(5)).gradient, cd, "cd-1");
    close(cdGradient(cold, rows, keyOf(5), 3).gradient, cd_3, "cd-3");
    close(pcdGradient(cold, rows, Float64Array.from(given.chains), keyOf(5), 2).gradient, pcd, "pcd-2");
    close(center(cold, exactGradient(cold, rows).gradient, ...offsets), centered, "centered");
    let trained = cold;
    for (let n = 0; n < figures.updates; n++) trained = moved(trained, exactGradient(trained, rows).gradient, figures.rate);
    close(trained.theta, given.trained, "trained");
  });
});

figures.large.forEach((given) =>
  test(`sums over the smaller layer of ${given.V}x${given.H}`, () => {
    close(logPartition(rbmOf(given)), given.log_partition, "ln Z");
    close(moments(rbmOf(given)), given.moments, "moments");
  }),
);

figures.chains.forEach((given) =>
  test(`chains of ${given.V}x${given.H} visit what the library's visit`, () => {
    const rbm = rbmOf(given);
    const key = keyOf(given.seed);
    let h = sampleHidden(rbm, new Float64Array(given.V), derive(key, 0));
    const visits = given.visits.map((_, n) => {
      const chains = sweep(rbm, h, derive(derive(key, 1), n));
      h = chains.h;
      return [...chains.v, ...chains.h];
    });
    assert.deepEqual(visits, given.visits);
    const models = rungsOf(rbm, given.acceptance.length + 1);
    let ladder = startLadder(new Float64Array(given.V), models.length, given.H);
    const tops = given.tops.map(() => {
      ladder = temper(models, ladder, key);
      return [...ladder.v.subarray(ladder.v.length - given.V), ...ladder.h];
    });
    assert.deepEqual(tops, given.tops);
    // The library weighs the latest step in float32.
    close(ladder.acceptance, given.acceptance, "acceptance", 1e-7);
    assert.equal(ladder.roundTrips, given.round_trips);
  }),
);

test("states are in counting order", () => {
  assert.deepEqual([...states(2)], [0, 0, 0, 1, 1, 0, 1, 1]);
  assert.equal(numberOf([1, 0, 1]), 5);
});
