/** What can be set in chapter 5, settings worth trying, and the course of a training: begun anew by every change of its settings but the rate. */
import { templateOf, useCarried, useEffect, useMemo, usePage } from "../ui.js";
import { checkRate, MAX_UPDATES, METHODS, reportOf, startTraining, train } from "../answers/set.js";

const PICTURE_MS = 60;
const PIECE = 5;

const DEFAULTS = /** @type {LessonSettings} */ ({ learn: "bars2", hidden: 4, rate: 0.3, scale: 0.5, chains: 200, seed: 0 });

/** Settings worth trying. */
export const EXAMPLES = [...templateOf("examples").querySelectorAll("section")].map(({ id, title, textContent, dataset: { settings = "" } }) =>
  ({ id, title, note: textContent, settings: /** @type {LessonSettings} */ (JSON.parse(settings)) }));

/** What a new number of pixels begins with. @type {Record<number, string>} */
export const FIRST_PATTERNS = { 2: "01_10", 3: "001_010_100", 4: "bars2", 5: "00001_00010_00100_01000_10000", 9: "bars3" };

/** The chapter's settings as they are. @returns {LessonSettings} */
export function useSettings() {
  const { state, setting } = usePage();
  // A link may hold anything: what is no number goes on as none, and the training says so.
  const number = (/** @type {"hidden" | "rate" | "scale" | "chains"} */ key) => {
    const found = setting("set", key, DEFAULTS[key]);
    return typeof found === "number" ? found : NaN;
  };
  return { learn: String(setting("set", "learn", DEFAULTS.learn)), hidden: number("hidden"), rate: number("rate"), scale: number("scale"), chains: number("chains"), seed: state.seed };
}

/** The example that the settings are, if any. */
export function exampleOf(/** @type {LessonSettings} */ settings) {
  return EXAMPLES.find((e) => /** @type {(keyof LessonSettings)[]} */ (Object.keys(settings)).every((key) => e.settings[key] === settings[key]));
}

/** Patterns with their heights as a text: "01_10*2.5". */
export function learnText(/** @type {string[]} */ patterns, /** @type {number[]} */ heights) {
  return patterns.flatMap((bits, n) => (heights[n] > 0 ? [heights[n] === 1 ? bits : `${bits}*${heights[n]}`] : [])).join("_");
}

/** @param {LessonSettings} settings @param {number} pace updates at each picture while it plays */
export function useTraining(settings, pace) {
  const { learn, hidden, rate, scale, chains, seed } = settings;
  const first = useMemo(() => attempt(() => startTraining(settings)), [learn, hidden, scale, chains, seed]);
  const { error } = attempt(() => checkRate(rate));
  /** Nothing goes on where the settings are refused. */
  const advance = (/** @type {any} */ now, /** @type {number} */ updates) => (now && !error ? train(now, rate, updates) : (now ?? first.found));
  const carried = useCarried(first, /** @type {(now: Training | null, what: number) => any} */ (advance), { piece: PIECE, amount: pace, every: PICTURE_MS });
  const { now, playing, play } = carried;
  const run = useMemo(() => now && reportOf(now), [now]);
  const ended = run !== null && (run.state.update >= MAX_UPDATES || METHODS.every((method) => run.state.stopped[method]));
  useEffect(() => {
    if (playing && (ended || error)) play(false);
  }, [playing, ended, error]);
  const limit = run && run.state.update >= MAX_UPDATES ? "50,000 updates are the limit of this page. Start again with another seed or rate" : "";
  return { ...carried, run, error: first.error || error || limit };
}

/** @template T @param {() => T} make @returns {{found: T | null, error: string}} */
function attempt(make) {
  try {
    return { found: make(), error: "" };
  } catch (refused) {
    return { found: null, error: /** @type {Error} */ (refused).message };
  }
}
