/** The key of notation, where the lecture writes otherwise, and what keys do. */
import { html } from "../page.js";

const SIGNS = [
  ["v, h", "the visible and the hidden vector, bold in the lecture; v\u1d62 and h\u2c7c are units, 1 for on and 0 for off"],
  ["w\u1d62\u2c7c, a\u1d62, b\u2c7c", "the weight between v\u1d62 and h\u2c7c, and the biases (thresholds) of both; the lecture\u2019s example has no biases"],
  ["E(v, h)", "the energy, as in a Hopfield net; minus the energy is also called consensus"],
  ["T", "the temperature, 1 in the lecture"],
  ["e^(\u2212E/T), Z", "the Boltzmann factor, and the sum of all of them, the partition function"],
  ["p(v, h), p(v), p(h|v)", "joint, marginal and conditional probability; the lecture also writes Pr{v}"],
  ["v\u2032", "in a sum, every visible vector, apart from the v that is asked about; the lecture sums over indices g and u instead"],
  ["S\u2c7c, \u03c3", "the total input of a unit, and the sigmoid 1 / (1 + e^(\u2212S/T))"],
  ["F(v)", "the free energy of v"],
  ["\u27e8x\u27e9\u1d65, \u27e8x\u27e9\u1d65\u2095", "the expectation of x with v held, and with nothing held: the positive term A and the negative term B"],
  ["\u03b7, \u03b5", "the learning rate, of a gradient step and of contrastive divergence"],
];

const KEYS = [
  ["arrow keys", "on an edge or in a number field: change the weight by 0.1, with Shift by 1; on a number of the large table: go to the next"],
  ["Page Up, Page Down, 0", "on an edge: change its weight by 1, or set it to 0"],
  ["Enter, space bar", "on a unit: hold it at 1, then at 0, then free it; on a number: show how it is computed"],
  ["Escape", "closes what is open"],
  ["Ctrl+Z, Ctrl+Shift+Z", "undo and redo"],
  ["pointing", "at a row: marks its units and edges in the network; at an edge or a unit: marks its rows"],
];

export function Notation() {
  const list = (/** @type {string[][]} */ rows) => html`<dl>${rows.map(([sign, text]) => html`<div><dt>${sign}</dt><dd>${text}</dd></div>`)}</dl>`;
  return html`<aside class="notation" aria-label="Notation and keys"><details><summary>Notation and keys</summary>${list(SIGNS)}${list(KEYS)}</details></aside>`;
}
