/** Chapter 1: the table of all configurations, and the same machine as Python and as a command. */
import { logSumExp, states, texts } from "../engine.js";

export function tableOf(/** @type {Tables} */ tables, /** @type {{v: (number | null)[], h: (number | null)[]}} */ clamp) {
  const { rbm, exponent, joint, logPartition, logVisible, negative, m } = tables;
  const [vs, hs] = [texts(rbm.V), texts(rbm.H)];
  const means = [...negative.subarray(rbm.V * rbm.H)];
  // ln p from the exponents: a probability that underflows to 0 adds nothing, and has no logarithm.
  const entropy = -joint.reduce((sum, p, k) => sum + p * (exponent[k] - logPartition), 0);
  const given = givenHeld(tables, clamp);
  return {
    v: Array.from(joint, (_, k) => vs[Math.floor(k / m)]),
    h: Array.from(joint, (_, k) => hs[k % m]),
    energy: [...tables.energy],
    factor: Array.from(exponent, (x) => finite(Math.exp(x))),
    probability: [...joint],
    log_partition: logPartition,
    partition: finite(Math.exp(logPartition)),
    visible: { states: vs, probability: [...tables.visible], free_energy: Array.from(logVisible, (x) => -rbm.temperature * (x + logPartition)) },
    hidden: { states: hs, probability: [...tables.hidden] },
    mean: { v: means.slice(0, rbm.V), h: means.slice(rbm.V) },
    entropy: Math.max(0, entropy),
    given,
    given_mean: given && { v: meansOf(given, rbm.V, (k) => Math.floor(k / m)), h: meansOf(given, rbm.H, (k) => k % m) },
  };
}

/** @param {number[]} probability of configurations @param {number} units @param {(k: number) => number} number the layer's state in configuration k */
function meansOf(probability, units, number) {
  return Array.from({ length: units }, (_, i) => probability.reduce((sum, p, k) => sum + (((number(k) >> (units - 1 - i)) & 1) === 1 ? p : 0), 0));
}

function givenHeld(/** @type {Tables} */ { exponent, m }, /** @type {{v: (number | null)[], h: (number | null)[]}} */ clamp) {
  if ([...clamp.v, ...clamp.h].every((x) => x === null)) return null;
  const agree = (/** @type {(number | null)[]} */ held) => {
    const all = states(held.length);
    return Array.from({ length: 1 << held.length }, (_, n) => held.every((x, i) => x === null || x === all[n * held.length + i]));
  };
  const [v, h] = [agree(clamp.v), agree(clamp.h)];
  const rows = Array.from(exponent, (x, k) => (v[Math.floor(k / m)] && h[k % m] ? x : -Infinity));
  const logSum = logSumExp(rows);
  return rows.map((x) => Math.exp(x - logSum));
}

/** Null where a number is too large for a float. @param {number} x */
export function finite(x) {
  return Number.isFinite(x) ? x : null;
}

/** Python code that makes the same machine and its table with the library. @param {Machine} machine @param {number} temperature */
export function pythonText({ weights, a, b }, temperature) {
  const list = (/** @type {number[]} */ row) => `[${row.map((x) => (Number.isInteger(x) ? `${x}.0` : String(x))).join(", ")}]`;
  const at = temperature === 1 ? "" : `, temperature=${temperature}`;
  return `import harmonium as hm

rbm = hm.RBM(hm.Binary(${list(a)}), hm.Binary(${list(b)}), [${weights.map(list).join(", ")}])
table = hm.exact.joint_table(rbm${at})
for row in zip(table.v, table.h, table.energy, table.probability):
    print(*row)
print("ln Z =", table.log_partition)
`;
}

/** A command that prints the same machine's table, or does something else with it. */
export function commandText(/** @type {Machine} */ { weights, a, b }, /** @type {number} */ temperature, /** @type {string} */ subcommand = "table") {
  const bias = (/** @type {string} */ name, /** @type {number[]} */ values) => (values.some((x) => x !== 0) ? ` --${name} "${values.join(" ")}"` : "");
  return `harmonium ${subcommand} --weights "${weights.map((row) => row.join(" ")).join("; ")}"${bias("visible-bias", a)}${bias("hidden-bias", b)}${temperature === 1 ? "" : ` --temperature ${temperature}`}`;
}
