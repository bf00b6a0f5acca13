/** Chapter 5, a training set: what is learned, the course of the training, and its figures. */
import { advance, begin, entropyOf, logVisible, machineOf, MAX_PARAMETER, measure, METHODS, numberOf, states, texts } from "../engine.js";
import { grouped } from "../format.js";

export { METHODS };
export const NAMES = { exact: "Exact gradient", cd: "CD-1", pcd: "PCD-1" };
const FIELDS = /** @type {Field[]} */ (["log_likelihood", "divergence", "wrong_pixels"]);
export const MAX_UPDATES = 50_000;
export const LIMITS = { hidden: 12, rate: 5, scale: 3, chains: 200 };
/** Numbers of pixels: rows of 2, 3 and 5, pictures of 2x2 and 3x3. */
const SIZES = [2, 3, 4, 5, 9];
/** Up to this number of pixels all patterns are shown. */
const MAX_LISTED = 5;
const MAX_PATTERNS = 32;
const MAX_STRAYS = 3;

/** The lesson, before the first update.
 * @param {LessonSettings} settings @returns {Training} @throws {Error} a setting is out of range: one line that says which, and what is expected */
export function startTraining({ learn, hidden, rate, scale, chains, seed }) {
  const heights = patternsOf(learn);
  checkNumber("hidden units", hidden, 1, LIMITS.hidden, true);
  checkNumber("the initial weight scale", scale, 0, LIMITS.scale);
  checkNumber("chains", chains, 1, LIMITS.chains, true);
  const learned = [...heights.keys()].sort();
  const V = learned[0].length;
  const total = learned.reduce((sum, bits) => sum + (heights.get(bits) ?? 0), 0);
  const share = Float64Array.from(learned, (bits) => (heights.get(bits) ?? 0) / total);
  const lesson = { V, rows: Float64Array.from([...learned.join("")].map(Number)), share, rate, chains, seed };
  const patterns = V <= MAX_LISTED ? texts(V) : [...new Set([...barsAndStripes(3), ...learned])].sort();
  const course = begin(lesson, hidden, scale);
  const empty = () => ({ log_likelihood: [], divergence: [], wrong_pixels: [] });
  return {
    lesson,
    target: {
      visible: V,
      columns: { 4: 2, 9: 3 }[V] ?? V,
      patterns,
      heights: patterns.map((bits) => heights.get(bits) ?? 0),
      target: patterns.map((bits) => (heights.get(bits) ?? 0) / total),
      not_shown: 2 ** V - patterns.length,
      entropy: entropyOf(lesson),
      best: -entropyOf(lesson),
    },
    course,
    record: withRecord({ update: [], exact: empty(), cd: empty(), pcd: empty() }, course, lesson),
  };
}

/** @param {number} rate @throws {Error} it is out of range */
export function checkRate(rate) {
  checkNumber("the rate", rate, 0, LIMITS.rate);
}

/** Some updates further. @param {Training} training @param {number} rate @param {number} updates @returns {Training} */
export function train({ target, lesson: old, course, record }, rate, updates) {
  const lesson = { ...old, rate };
  for (let n = 0; n < updates && course.update < MAX_UPDATES; n++) {
    course = advance(course, lesson);
    if (isRecorded(course.update)) record = withRecord(record, course, lesson);
  }
  return { target, lesson, course, record };
}

/** Whether an update's figures are kept: all at first, then ever fewer, the same ones however the updates were asked for. */
function isRecorded(/** @type {number} */ update) {
  const every = [[10_000, 250], [1000, 50], [100, 10], [10, 5]].find(([least]) => update > least)?.[1] ?? 1;
  return update % every === 0;
}

/** @param {Records} record @param {Course} course @param {Lesson} lesson @returns {Records} */
function withRecord(record, { update, rbms, stopped }, lesson) {
  const more = (/** @type {Method} */ method) => {
    const found = stopped[method] ? null : measure(rbms[method], lesson);
    return Object.fromEntries(FIELDS.map((field) => [field, [...record[method][field], found && found[field]]]));
  };
  return /** @type {any} */ ({ update: [...record.update, update], ...Object.fromEntries(METHODS.map((method) => [method, more(method)])) });
}

/** What is drawn: the figures now; they are the last point of the records too. @param {Training} training @returns {Run} */
export function reportOf({ lesson, target, course, record }) {
  const of = (/** @type {(method: Method) => any} */ f) => /** @type {any} */ (Object.fromEntries(METHODS.map((method) => [method, f(method)])));
  return {
    target,
    state: { update: course.update, machines: of((method) => machineOf(course.rbms[method], course.rbms[method].theta)), stopped: course.stopped },
    now: of((method) => nowOf(course, lesson, target, method)),
    record: record.update.at(-1) === course.update ? record : withRecord(record, course, lesson),
  };
}

/** @param {Course} course @param {Lesson} lesson @param {Target} target @param {Method} method @returns {Now} */
function nowOf({ rbms, vectors, stopped }, lesson, { patterns, visible }, method) {
  const rbm = rbms[method];
  const probability = logVisible(rbm).map(Math.exp);
  const shown = patterns.map((bits) => parseInt(bits, 2));
  const others = (/** @type {Float64Array} */ values) => values.reduce((sum, p, n) => sum + (shown.includes(n) ? 0 : p), 0);
  const all = texts(visible);
  const strays = [...probability.keys()].filter((n) => !shown.includes(n)).sort((m, n) => probability[n] - probability[m] || m - n);
  const drawn = vectors[method] && sharesOf(vectors[method], visible);
  const at = stopped[method];
  return {
    ...measure(rbm, lesson),
    probability: shown.map((n) => probability[n]),
    others: others(probability),
    strays: strays.slice(0, MAX_STRAYS).map((n) => ({ bits: all[n], probability: probability[n] })),
    drawn: drawn ? shown.map((n) => drawn[n]) : null,
    drawn_others: drawn ? others(drawn) : null,
    stopped: at ? `${method === "exact" ? "The exact gradient" : NAMES[method]} stopped at update ${grouped(at)}: a parameter went beyond \u00b1${MAX_PARAMETER}. Lower the rate.` : null,
  };
}

/** How often each state is among the rows. @param {Float64Array} rows @param {number} units */
function sharesOf(rows, units) {
  const found = new Float64Array(1 << units);
  const count = rows.length / units;
  for (let n = 0; n < count; n++) found[numberOf(rows.subarray(n * units, (n + 1) * units))] += 1 / count;
  return found;
}

/** The patterns of full rows or of full columns, side by side. @param {number} side */
export function barsAndStripes(side) {
  const bits = states(side);
  const of = (/** @type {(n: number, row: number, column: number) => number} */ f) =>
    Array.from({ length: 1 << side }, (_, n) => Array.from({ length: side * side }, (_, k) => f(n, Math.floor(k / side), k % side)).join(""));
  return [...new Set([...of((n, row) => bits[n * side + row]), ...of((n, _, column) => bits[n * side + column])])].sort();
}

/** Patterns with positive heights. @param {string} learn "bars2" or "bars3" for bars and stripes of that side, or patterns joined by "_", each
 * with a height after "*" unless it is 1: "01_10*2.5" @returns {Map<string, number>} */
export function patternsOf(learn) {
  if (learn === "bars2" || learn === "bars3") return new Map(barsAndStripes(Number(learn[4])).map((bits) => [bits, 1]));
  if (!learn || learn.length > MAX_PATTERNS * 24) throw new Error("tick at least one pattern to learn");
  const found = /** @type {Map<string, number>} */ (new Map());
  for (const part of learn.split("_")) {
    const match = /^([01]{2,9})(?:\*(\d{1,6}(?:\.\d{1,6})?))?$/.exec(part);
    if (!match) throw new Error(`the pattern \u201c${part.slice(0, 24)}\u201d cannot be read: write bits, and a height after a star, for example 01_10*2.5`);
    if (found.has(match[1])) throw new Error(`the pattern ${match[1]} is named twice`);
    found.set(match[1], Number(match[2] ?? 1));
  }
  for (const [bits, height] of found) if (height === 0) found.delete(bits);
  if (found.size === 0) throw new Error("tick at least one pattern to learn");
  const lengths = new Set([...found.keys()].map((bits) => bits.length));
  if (lengths.size > 1 || !SIZES.includes([...lengths][0])) throw new Error(`all patterns must have the same number of pixels, one of ${SIZES.join(", ")}`);
  if (found.size > MAX_PATTERNS) throw new Error(`at most ${MAX_PATTERNS} patterns can be learned here, but these are ${found.size}`);
  return found;
}

/** @param {string} name @param {number} value @param {number} least @param {number} most @param {boolean} [whole] */
function checkNumber(name, value, least, most, whole) {
  if (value >= least && value <= most && (!whole || Number.isInteger(value))) return;
  throw new Error(`${name} must be ${whole ? "a whole number" : "a number"} from ${least} to ${most}${Number.isFinite(value) ? `, but is ${value}` : ""}`);
}
