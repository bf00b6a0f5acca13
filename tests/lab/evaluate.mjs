/** Evaluates expressions of the page's engine and answers: one line of JSON in, one out. A module is in scope under its file's name. */
import { createInterface } from "node:readline";

const [, , folder] = process.argv;
const files = ["engine/random", "engine/rbm", "engine/table", "engine/chains", "engine/gradients", "engine/convergence", "engine/training",
  "answers/machine", "answers/conditionals", "answers/chain", "answers/gradient", "answers/cloud", "answers/set", "answers/derivation"];
const scope = {};
for (const file of files) scope[file.split("/")[1]] = await import(`${folder}/${file}.js`);
scope.tablesOf = ({ machine, temperature = 1 }) => new scope.table.Tables(scope.rbm.rbmOf(machine, temperature));
scope.experimentOf = (x) => ({ distribution: scope.chain.distributionOf(scope.tablesOf(x)), seed: x.seed ?? 0, start: x.start ?? "0".repeat(x.machine.a.length) });

/** A NaN or an infinity is a mistake: JSON would make it null without a word. */
function plain(key, value) {
  if (typeof value === "number" && !Number.isFinite(value)) throw new RangeError(`${key} is ${value}`);
  return ArrayBuffer.isView(value) ? [...value] : value;
}

for await (const line of createInterface({ input: process.stdin })) {
  const { code, x } = JSON.parse(line);
  let answer;
  try {
    answer = JSON.stringify({ value: new Function("x", ...Object.keys(scope), code)(x, ...Object.values(scope)) }, plain);
  } catch (error) {
    answer = JSON.stringify({ error: error.message });
  }
  process.stdout.write(`${answer}\n`);
}
