/** Chapter 1: energies become probabilities, and every configuration of a small machine can be tabulated. */
import { html } from "../html.js";
import { DIGITS, exact, fixed, indexed, sized } from "../format.js";
import { usePage } from "../page.js";
import { Formula } from "../ui/formula.js";
import { Summed } from "../ui/sum.js";
import { Card } from "../ui/card.js";
import { Live } from "./machine-live.js";
import { HeatMap } from "./machine-map.js";
import { Marginal } from "./machine-marginal.js";
import { Configurations } from "./machine-table.js";

const MAP_FROM = 64;

export const chapter = { id: "machine", title: "The machine", Intro: Live, Chapter: Machine };

function Machine() {
  const { state, table } = usePage();
  return html`
    <p class="lead">The visible units hold a vector v, the hidden units a vector h. Each pair has an energy E; each energy gives a Boltzmann factor e<sup>\u2212E/T</sup>;
      divided by their sum Z, these are the probabilities. <strong>Change anything:</strong> drag an edge, type a number, click a unit.</p>
    <div class="formulas"><${Formula} block tex=${"E(v,h) = -\\sum_{i,j} v_i\\, w_{ij}\\, h_j - \\sum_i a_i v_i - \\sum_j b_j h_j"} />
      <${Formula} block tex=${"p(v,h) = \\frac{e^{-E(v,h)/T}}{Z}"} /></div>
    <${Configurations} /> ${table.v.length >= MAP_FROM && html`<${HeatMap} />`} <${Whole} />
    <div class="pair"><${Marginal} layer="v" /><${Marginal} layer="h" /></div>
    <section class="card temperature"><h3>What the temperature does</h3>
      <p>Temperature divides every energy. At a high temperature all configurations become equally likely; at a low one, only the lowest-energy configurations
        keep any probability. At T = ${fixed(state.temperature, 2)} the entropy of this table is ${fixed(table.entropy, 4)} nats. If all rows were equally
        likely, it would be ${fixed(Math.log(table.v.length), 4)}.</p></section>
    <${Card} id="zero-energy" />
    <${Card} id="fill-row" />
    <${Card} id="hotter" />
  `;
}

/** The sums over the whole table. */
function Whole() {
  const { state, table } = usePage();
  const T = state.temperature;
  const terms = () => /** @type {[any, number | string | null][]} */ (table.v.map((v, n) => [`v ${v}, h ${table.h[n]}: e^(${sized(-table.energy[n] / T, 3)})`, table.factor[n]]));
  const layer = (/** @type {"v" | "h"} */ name) =>
    table.mean[name].map((m, i) => html`<li><${Summed} value=${m} label=${`expectation of ${indexed(name, i + 1)}`}
      text=${`\u27e8${indexed(name, i + 1)}\u27e9 = ${fixed(m, DIGITS)}`} tex=${`\\langle ${name}_{${i + 1}} \\rangle = \\sum_{${name}:\\, ${name}_{${i + 1}} = 1} p(${name})`}
      rows=${() => states(table, name).filter(([s]) => s[i] === "1").map(([s, p]) => [`p(${name} = ${s})`, p])} /></li>`);
  return html`<section class="card summary"><h3>Summary</h3>
    ${table.given && html`<p class="soft">Held units change the table above and the network. These sums, and p(v) and p(h) below, run over all configurations.</p>`}
    <dl class="facts">
      <div><dt>partition function Z</dt><dd>${table.partition === null
        ? html`<span class="num">e^${fixed(table.log_partition, DIGITS)}</span>`
        : html`<${Summed} value=${table.partition} text=${exact(table.partition)} label="partition function Z" test="partition" tex=${"Z = \\sum_{v,h} e^{-E(v,h)/T}"} rows=${terms} />`}</dd></div>
      <div><dt>ln Z</dt><dd class="num" data-test="log-partition">${fixed(table.log_partition, DIGITS)}</dd></div>
      <div><dt>entropy of p(v, h)</dt><dd><${Summed} value=${table.entropy} text=${`${fixed(table.entropy, DIGITS)} nats`} label="entropy" tex=${"-\\sum_{v,h} p \\ln p"}
        rows=${() => table.v.map((v, n) => [`v ${v}, h ${table.h[n]}`, table.probability[n] > 0 ? -table.probability[n] * Math.log(table.probability[n]) : 0])} /></dd></div>
    </dl>
    <p class="soft">The expectation of a unit is its probability of being on.</p>
    <ul class="expectations" aria-label="expectations of the units">${layer("v")}${layer("h")}</ul>
  </section>`;
}

/** @param {import("../page.js").Table} table @param {"v" | "h"} name @returns {[string, number][]} */
function states(table, name) {
  const { states, probability } = name === "v" ? table.visible : table.hidden;
  return states.map((s, n) => [s, probability[n]]);
}
