/** The page's state, its way into the URL and back, and machines of other sizes. */

export const LIMITS = { units: 5, parameter: 20, coldest: 0.05, hottest: 20, seed: 2 ** 52 };
export const CHAPTERS = ["machine", "conditionals", "chain", "gradient", "set", "images", "derivation"];

/** The lecture's worked example: two visible and two hidden units, all weights 1/2, no biases, target 01. */
export const lecture = () => freely({ weights: filled(2, 2, 0.5), a: [0, 0], b: [0, 0] }, [0, 1]);

/** @returns {State} */
export const initialState = () => ({ chapter: "machine", ...lecture(), seed: 0, settings: {}, cards: [] });

/** Another machine with its target, and no unit held. */
export function freely(/** @type {Machine} */ machine, /** @type {number[]} */ target, temperature = 1) {
  const free = (/** @type {number[]} */ units) => units.map(() => /** @type {Held} */ (null));
  return { machine, temperature, target, clamp: { v: free(machine.a), h: free(machine.b) } };
}

/** A machine whose two modes have all units off and all on; at b = -4 they are equally likely. */
export function twoModes(/** @type {number} */ b, /** @type {number} */ temperature) {
  return freely({ weights: filled(4, 4, 2), a: Array(4).fill(-4), b: Array(4).fill(b) }, [1, 1, 1, 1], temperature);
}

/** @returns {number[][]} */
export function filled(/** @type {number} */ rows, /** @type {number} */ columns, /** @type {number} */ value) {
  return Array.from({ length: rows }, () => Array(columns).fill(value));
}

/** What of a state changes when its machine gets another size: old parameters stay where they were, new ones are 0. */
export function resized(/** @type {State} */ state, /** @type {number} */ V, /** @type {number} */ H) {
  const { weights, a, b } = state.machine;
  /** @template T @param {T[]} old @param {number} length @param {T} value */
  const fit = (old, length, value) => Array.from({ length }, (_, i) => (i < old.length ? old[i] : value));
  return {
    machine: { weights: fit(weights, V, []).map((row) => fit(row, H, 0)), a: fit(a, V, 0), b: fit(b, H, 0) },
    target: fit(state.target, V, 0),
    clamp: { v: fit(state.clamp.v, V, null), h: fit(state.clamp.h, H, null) },
  };
}

/** Is any unit held? */
export const isHeld = (/** @type {State["clamp"]} */ { v, h }) => [...v, ...h].some((x) => x !== null);

/** The URL's fragment that holds all of a state. */
export function encode(/** @type {State} */ { chapter, machine, temperature, seed, target, clamp, cards, settings }) {
  const held = [...clamp.v, ...clamp.h].map((x) => x ?? ".").join("");
  const parts = [
    `w=${machine.weights.join(";")}`,
    `a=${machine.a}`,
    `b=${machine.b}`,
    `T=${temperature}`,
    `seed=${seed}`,
    `target=${target.join("")}`,
    isHeld(clamp) && `hold=${held}`,
    cards.length && `cards=${cards}`,
    Object.keys(settings).length && `x=${encodeURIComponent(JSON.stringify(settings))}`,
  ];
  return `#${chapter}?${parts.filter(Boolean).join("&")}`;
}

/** The state in a URL's fragment, `#chapter/section?...`. What is missing keeps its initial value; `problems` names what makes no sense. */
export function decode(/** @type {string} */ hash) {
  const state = initialState();
  const problems = /** @type {string[]} */ ([]);
  const [place, query = ""] = hash.replace(/^#/, "").split("?");
  const [chapter, section = ""] = place.split("/");
  if (CHAPTERS.includes(chapter)) state.chapter = chapter;
  else if (chapter) problems.push(`There is no chapter "${chapter.slice(0, 20)}" here.`);
  const given = new URLSearchParams(query.replaceAll("+", "%2B"));
  /** Take what is read in a part of the link. @param {string} name @param {(text: string) => Partial<State> | false} read @param {string} problem */
  const take = (name, read, problem) => {
    const text = given.get(name);
    const found = text === null ? {} : read(text);
    if (found) Object.assign(state, found);
    else problems.push(`The link's ${problem}.`);
  };
  const parameters = (/** @type {number[]} */ values, /** @type {number} */ length) => values.length === length && values.every((x) => Math.abs(x) <= LIMITS.parameter);
  take("w", (text) => {
    const rows = text.split(";").map(numbers);
    const [V, H] = [rows.length, rows[0].length];
    const { machine, ...rest } = resized(state, V, H);
    return Math.max(V, H) <= LIMITS.units && rows.every((row) => parameters(row, H)) && { ...rest, machine: { ...machine, weights: rows } };
  }, `weights are not a table of 1 to ${LIMITS.units} rows and columns of numbers to \u00b1${LIMITS.parameter}`);
  const [V, H] = [state.machine.a.length, state.machine.b.length];
  for (const [name, units] of /** @type {[string, number][]} */ ([["a", V], ["b", H]])) {
    take(name, (text) => parameters(numbers(text), units) && { machine: { ...state.machine, [name]: numbers(text) } }, `biases ${name} are not ${units} numbers to \u00b1${LIMITS.parameter}`);
  }
  take("T", (text) => Number(text) >= LIMITS.coldest && Number(text) <= LIMITS.hottest && { temperature: Number(text) }, `temperature is not a number from ${LIMITS.coldest} to ${LIMITS.hottest}`);
  take("seed", (text) => /^\d+$/.test(text) && Number(text) < LIMITS.seed && { seed: Number(text) }, `seed is not a whole number from 0 to ${LIMITS.seed - 1}`);
  take("target", (text) => text.length === V && /^[01]+$/.test(text) && { target: [...text].map(Number) }, `target is not ${V} bits`);
  take("hold", (text) => {
    const held = [...text].map((x) => (x === "." ? null : /** @type {Held} */ (Number(x))));
    return text.length === V + H && /^[01.]+$/.test(text) && { clamp: { v: held.slice(0, V), h: held.slice(V) } };
  }, "held units do not fit the machine");
  take("cards", (text) => /^[a-z0-9-]+(,[a-z0-9-]+)*$/.test(text) && { cards: text.split(",") }, "cards cannot be read");
  take("x", (text) => {
    try {
      const settings = JSON.parse(text);
      return plainObject(settings) && Object.values(settings).every(plainObject) && { settings };
    } catch {
      return false;
    }
  }, "settings cannot be read");
  return { state, section, problems };
}

const numbers = (/** @type {string} */ text) => text.split(",").map((x) => (x.trim() === "" ? NaN : Number(x)));
const plainObject = (/** @type {unknown} */ x) => typeof x === "object" && x !== null && !Array.isArray(x);
