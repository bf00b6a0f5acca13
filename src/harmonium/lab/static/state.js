/** The page's state, its way into the URL and back, and machines of other sizes. */

/** @typedef {{weights: number[][], a: number[], b: number[]}} Machine */
/** @typedef {0 | 1 | null} Held */
/** @typedef {{chapter: string, machine: Machine, temperature: number, seed: number, target: number[],
 *   clamp: {v: Held[], h: Held[]}, settings: Record<string, Record<string, any>>,
 *   cards: string[]}} State cards: those of a worksheet, in their order */

/** The seeds that follow a seed, one for each of many chains, must be exact too. */
export const LIMITS = { units: 5, parameter: 20, coldest: 0.05, hottest: 20, seed: 2 ** 52 };
export const CHAPTERS = ["machine", "conditionals", "chain", "gradient", "set", "images", "derivation"];

/** The lecture's worked example: two visible and two hidden units, all weights 1/2, no biases, target 01.
 * @returns {State} */
export function initialState() {
  return {
    chapter: "machine",
    machine: { weights: filled(2, 2, 0.5), a: [0, 0], b: [0, 0] },
    temperature: 1,
    seed: 0,
    target: [0, 1],
    clamp: { v: [null, null], h: [null, null] },
    settings: {},
    cards: [],
  };
}

/** @param {number} rows @param {number} columns @param {number} value @returns {number[][]} */
export function filled(rows, columns, value) {
  return Array.from({ length: rows }, () => Array(columns).fill(value));
}

/** What of a state changes when its machine gets another size: old parameters stay where they were, new ones are 0.
 * @param {State} state @param {number} V @param {number} H @returns {Partial<State>} */
export function resized(state, V, H) {
  const { weights, a, b } = state.machine;
  /** @template T @param {T[]} old @param {number} length @param {T} value */
  const fit = (old, length, value) => Array.from({ length }, (_, i) => (i < old.length ? old[i] : value));
  return {
    machine: { weights: fit(weights, V, []).map((row) => fit(row, H, 0)), a: fit(a, V, 0), b: fit(b, H, 0) },
    target: fit(state.target, V, 0),
    clamp: { v: fit(state.clamp.v, V, null), h: fit(state.clamp.h, H, null) },
  };
}

/** @param {Held[]} held */
const heldText = (held) => held.map((x) => (x === null ? "." : String(x))).join("");

/** The URL's fragment that holds all of a state.
 * @param {State} state */
export function encode(state) {
  const { weights, a, b } = state.machine;
  const parts = [
    `w=${weights.map((row) => row.join(",")).join(";")}`,
    `a=${a.join(",")}`,
    `b=${b.join(",")}`,
    `T=${state.temperature}`,
    `seed=${state.seed}`,
    `target=${state.target.join("")}`,
  ];
  if ([...state.clamp.v, ...state.clamp.h].some((x) => x !== null)) {
    parts.push(`hold=${heldText(state.clamp.v)}${heldText(state.clamp.h)}`);
  }
  if (state.cards.length) parts.push(`cards=${state.cards.join(",")}`);
  if (Object.keys(state.settings).length) parts.push(`x=${encodeURIComponent(JSON.stringify(state.settings))}`);
  return `#${state.chapter}?${parts.join("&")}`;
}

/** The state in a URL's fragment, `#chapter/section?...`. What is missing keeps its initial value; what makes no sense is told in `problems`.
 * @param {string} hash @returns {{state: State, section: string, problems: string[]}} */
export function decode(hash) {
  const state = initialState();
  /** @type {string[]} */
  const problems = [];
  const [place, query = ""] = hash.replace(/^#/, "").split("?");
  const [chapter, section = ""] = place.split("/");
  if (CHAPTERS.includes(chapter)) state.chapter = chapter;
  else if (chapter) problems.push(`There is no chapter "${chapter.slice(0, 20)}" here.`);
  const given = new URLSearchParams(query.replaceAll("+", "%2B"));
  const rows = (given.get("w") ?? "").split(";").map(numbers);
  if (given.has("w")) {
    const [V, H] = [rows.length, rows[0].length];
    if (V > LIMITS.units || H > LIMITS.units || rows.some((row) => row.length !== H || !row.every(parameter))) {
      problems.push(`The link's weights are not a table of 1 to ${LIMITS.units} rows and columns of numbers to \u00b1${LIMITS.parameter}.`);
    } else {
      Object.assign(state, resized(state, V, H));
      state.machine.weights = rows;
    }
  }
  for (const name of /** @type {const} */ (["a", "b"])) {
    if (!given.has(name)) continue;
    const values = numbers(given.get(name) ?? "");
    if (values.length !== state.machine[name].length || !values.every(parameter)) {
      problems.push(`The link's biases ${name} are not ${state.machine[name].length} numbers to \u00b1${LIMITS.parameter}.`);
    } else state.machine[name] = values;
  }
  const T = Number(given.get("T") ?? 1);
  if (T >= LIMITS.coldest && T <= LIMITS.hottest) state.temperature = T;
  else problems.push(`The link's temperature is not a number from ${LIMITS.coldest} to ${LIMITS.hottest}.`);
  const seed = Number(given.get("seed") ?? 0);
  if (Number.isInteger(seed) && seed >= 0 && seed < LIMITS.seed) state.seed = seed;
  else problems.push(`The link's seed is not a whole number from 0 to ${LIMITS.seed - 1}.`);
  const target = given.get("target");
  if (target !== null) {
    if (target.length === state.target.length && /^[01]+$/.test(target)) state.target = [...target].map(Number);
    else problems.push(`The link's target is not ${state.target.length} bits.`);
  }
  const held = [...(given.get("hold") ?? "")].map((x) => (x === "." ? null : /** @type {Held} */ (Number(x))));
  const V = state.clamp.v.length;
  if (held.length) {
    if (held.length === V + state.clamp.h.length && held.every((x) => x === null || x === 0 || x === 1)) {
      state.clamp = { v: held.slice(0, V), h: held.slice(V) };
    } else problems.push("The link's held units do not fit the machine.");
  }
  const cards = given.get("cards")?.split(",") ?? [];
  if (cards.every((id) => /^[a-z0-9-]+$/.test(id))) state.cards = cards;
  else problems.push("The link's cards cannot be read.");
  if (given.has("x")) {
    try {
      const settings = JSON.parse(given.get("x") ?? "");
      if (!plainObject(settings) || !Object.values(settings).every(plainObject)) throw new Error();
      state.settings = settings;
    } catch {
      problems.push("The link's settings cannot be read.");
    }
  }
  return { state, section, problems };
}

/** @param {string} text */
const numbers = (text) => text.split(",").map((x) => (x.trim() === "" ? NaN : Number(x)));
/** @param {number} x */
const parameter = (x) => Number.isFinite(x) && Math.abs(x) <= LIMITS.parameter;
/** @param {unknown} x */
const plainObject = (x) => typeof x === "object" && x !== null && !Array.isArray(x);
