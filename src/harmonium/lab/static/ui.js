/** All that chapters are made of, from one place: what the page shares, and its parts. */
export * from "./page.js";
export * from "./ui/card.js";
export * from "./ui/carried.js";
export * from "./ui/cells.js";
export * from "./ui/controls.js";
export * from "./ui/curve.js";
export * from "./ui/grid.js";
export * from "./ui/network.js";
export * from "./ui/numbers.js";
export * from "./ui/panel.js";
export * from "./ui/parameters.js";
export * from "./ui/rail.js";
export * from "./ui/watch.js";
export * from "./ui/words.js";
