/** The lecture's four modules as stops: states of the page at which its figures are seen. */
import { templateOf } from "./ui/words.js";

const modules = [...templateOf("lecture").querySelectorAll("ol")];
export const MODULES = modules.map((list) => list.title);

/** `at`: chapter, section and what differs from the lecture's machine. `text`: what to look at; `figures` are shown there. */
export const STOPS = modules.flatMap((list, n) => [...list.querySelectorAll("li")].map(({ dataset: { at = "", figures }, textContent }) =>
  ({ module: n + 1, at, text: textContent, figures: figures ? figures.split(" ") : [] })));
