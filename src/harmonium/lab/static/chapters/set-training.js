/** What can be set in chapter 5, settings worth trying, and the course of a training: begun anew by every change of its settings but the rate. */
import { useCarried, useEffect, useMemo, usePage } from "../ui.js";
import { checkRate, MAX_UPDATES, METHODS, reportOf, startTraining, train } from "../answers/set.js";

const PICTURE_MS = 60;
const PIECE = 5;

/** @type {LessonSettings} */
const DEFAULTS = { learn: "bars2", hidden: 4, rate: 0.3, scale: 0.5, chains: 200, seed: 0 };

/** Settings worth trying. */
export const EXAMPLES = [
  {
    id: "bars2", title: "bars and stripes, 2\u00d72",
    settings: DEFAULTS,
    note: "Six of the sixteen pictures consist of full rows or full columns. All three machines learn them; the exact gradient comes closest to the best possible.",
  },
  {
    id: "bars3", title: "bars and stripes, 3\u00d73",
    settings: { learn: "bars3", hidden: 10, rate: 0.2, scale: 0.5, chains: 200, seed: 0 },
    note: "Fourteen of 512 pictures. After 1,000 updates, PCD-1 is close to the exact gradient and CD-1 more than a third of a nat behind. Later, PCD-1 begins to waver: with larger weights, its chains cross between pictures more rarely.",
  },
  {
    id: "twins", title: "empty and full: the likelihood falls",
    settings: { learn: "000000000_111111111", hidden: 6, rate: 0.1, scale: 0.1, chains: 200, seed: 1 },
    note: "Only two pictures: all pixels off and all on. Make 1,000 updates and watch CD-1: its likelihood rises, turns around after about 200 updates and falls below its initial value, while its reconstructions become almost perfect. PCD-1 wavers but recovers.",
  },
  {
    id: "hasty", title: "too high a rate",
    settings: { learn: "bars3", hidden: 12, rate: 1, scale: 0.1, chains: 100, seed: 0 },
    note: "A learning rate of 1. PCD-1 suffers most: the machine changes faster than its chains can follow, and its likelihood falls far below its initial value. Every reconstruction still looks excellent. Lowering the rate afterwards repairs the exact gradient at once, PCD-1 only slowly: with weights this large, its chains hardly cross.",
  },
  {
    id: "uneven", title: "an uneven target",
    settings: { learn: "000_001_010*4_011_100*3_101*8_110_111*6", hidden: 4, rate: 0.5, scale: 1, chains: 100, seed: 0 },
    note: "All eight vectors of three units occur, each with a frequency proportional to the height of its bar. Here the likelihood reaches its best while a quarter of the pixels are still reconstructed wrongly: a good machine need not reconstruct well.",
  },
];

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
