/** What can be set in chapter 5, and settings worth trying. */
import { usePage } from "../page.js";

/** @typedef {{learn: string, hidden: number, rate: number, scale: number, chains: number}} Settings */
/** @typedef {{id: string, title: string, settings: Settings, seed: number, note: string}} Example */

/** @type {Settings} */
export const DEFAULTS = { learn: "bars2", hidden: 4, rate: 0.3, scale: 0.5, chains: 200 };

/** @type {Example[]} */
export const EXAMPLES = [
  {
    id: "bars2",
    title: "bars and stripes, 2\u00d72",
    settings: DEFAULTS,
    seed: 0,
    note: "Six of the sixteen pictures are made of full rows or full columns. All three machines learn them; the exact gradient comes nearest to the best that is possible.",
  },
  {
    id: "bars3",
    title: "bars and stripes, 3\u00d73",
    settings: { learn: "bars3", hidden: 10, rate: 0.2, scale: 0.5, chains: 200 },
    seed: 0,
    note: "Fourteen of 512 pictures. Give it 1,000 updates: PCD-1 keeps close to the exact gradient, CD-1 stays more than a third of a nat behind. Later PCD-1 begins to waver, because between larger weights its chains cross more rarely.",
  },
  {
    id: "twins",
    title: "empty and full: the likelihood falls",
    settings: { learn: "000000000_111111111", hidden: 6, rate: 0.1, scale: 0.1, chains: 200 },
    seed: 1,
    note: "Two pictures only, all pixels off and all on. Give it 1,000 updates and watch CD-1: its likelihood rises, turns round after some 200 updates and falls below where it began, while its reconstructions become almost perfect. PCD-1 wavers, but finds its way back.",
  },
  {
    id: "hasty",
    title: "too high a rate",
    settings: { learn: "bars3", hidden: 12, rate: 1, scale: 0.1, chains: 100 },
    seed: 0,
    note: "Learning at a rate of 1. PCD-1 suffers most: the machine changes faster than its chains can follow, and its likelihood falls far below where it began. Every reconstruction looks excellent nevertheless. A lower rate afterwards mends the exact gradient at once, PCD-1 only slowly: between weights so large its chains hardly cross.",
  },
  {
    id: "uneven",
    title: "an uneven target",
    settings: { learn: "000_001_010*4_011_100*3_101*8_110_111*6", hidden: 4, rate: 0.5, scale: 1, chains: 100 },
    seed: 0,
    note: "All eight vectors of three units occur, each as often as its bar is high. Here the likelihood comes to its best while a quarter of the pixels are still reconstructed wrongly: a good machine need not reconstruct well either.",
  },
];

/** What a new number of pixels begins with. @type {Record<number, string>} */
export const FIRST_PATTERNS = { 2: "01_10", 3: "001_010_100", 4: "bars2", 5: "00001_00010_00100_01000_10000", 9: "bars3" };

/** The chapter's settings as they are, each within its bounds checked by the library.
 * @returns {Settings & {seed: number}} */
export function useSettings() {
  const { state, setting } = usePage();
  // A link may hold anything: what is no number goes on as none, and the library says so.
  const number = (/** @type {"hidden" | "rate" | "scale" | "chains"} */ key) => {
    const found = setting("set", key, DEFAULTS[key]);
    return typeof found === "number" ? found : NaN;
  };
  return {
    learn: String(setting("set", "learn", DEFAULTS.learn)),
    hidden: number("hidden"),
    rate: number("rate"),
    scale: number("scale"),
    chains: number("chains"),
    seed: state.seed,
  };
}

/** The example that the settings are, if any. @param {Settings & {seed: number}} settings */
export function exampleOf(settings) {
  return EXAMPLES.find(
    (e) => e.seed === settings.seed && /** @type {(keyof Settings)[]} */ (Object.keys(e.settings)).every((key) => e.settings[key] === settings[key]),
  );
}

/** Patterns with their heights, as the library reads them: "01_10*2.5".
 * @param {string[]} patterns @param {number[]} heights */
export function learnText(patterns, heights) {
  return patterns.flatMap((bits, n) => (heights[n] > 0 ? [heights[n] === 1 ? bits : `${bits}*${heights[n]}`] : [])).join("_");
}
