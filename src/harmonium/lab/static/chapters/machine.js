/** Chapter 1: energies become probabilities, and every configuration of a small machine can be tabulated. */
import { Bar, Card, Cells, DIGITS, exact, fixed, html, indexed, probability, sized, Summed, useMemo, usePage, Words } from "../ui.js";
import { Live } from "./machine-live.js";
import { Configurations } from "./machine-table.js";

const MAP_FROM = 64;

export const chapter = { id: "machine", title: "The machine", Intro: Live, Chapter: Machine };

function Machine() {
  const { state, table } = usePage();
  return html`<${Words} of="machine" parts=${{ Card, Configurations, Whole, Marginal }} map=${table.v.length >= MAP_FROM && html`<${HeatMap} />`}
    T=${fixed(state.temperature, 2)} entropy=${fixed(table.entropy, 4)} even=${fixed(Math.log(table.v.length), 4)} />`;
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

/** @param {Table} table @param {"v" | "h"} name @returns {[string, number][]} */
function states(table, name) {
  const { states, probability } = name === "v" ? table.visible : table.hidden;
  return states.map((s, n) => [s, probability[n]]);
}

function Marginal(/** @type {{layer: "v" | "h"}} */ { layer }) {
  const { table, hover, setHover } = usePage();
  const found = layer === "v" ? table.visible : table.hidden;
  const energies = layer === "v" ? table.visible.free_energy : null;
  const other = layer === "v" ? "h" : "v";
  const largest = Math.max(...found.probability);
  const terms = (/** @type {string} */ state) => () =>
    /** @type {[any, number][]} */ (table[layer].flatMap((s, n) => (s === state ? [[`${other} = ${table[other][n]}`, table.probability[n]]] : [])));
  return html`<section class="card marginal"><h3>${layer === "v" ? "Visible vectors" : "Hidden vectors"}: p(${layer})</h3>
    <div class="scroll tall"><table class="rows" data-test=${`marginal-${layer}`} onPointerLeave=${() => setHover(null)}>
      <thead><tr><th scope="col">${layer}</th><th scope="col">p(${layer})</th>${energies && html`<th scope="col">F(v)</th>`}<th scope="col"><span class="hidden">bar</span></th></tr></thead>
      <tbody>${found.states.map((s, n) => html`<tr key=${s} class=${hover?.[layer] === s ? "lit" : ""} data-test=${`p-${layer}-${s}`} onPointerEnter=${() => setHover({ [layer]: s })}>
        <td class="bits-cell">${s}</td>
        <td class="num"><${Summed} value=${found.probability[n]} text=${probability(found.probability[n])} label=${`probability of ${layer} = ${s}`}
          tex=${`p(${layer}) = \\sum_{${other}} p(v, h)`} rows=${terms(s)} /></td>
        ${energies && html`<td class="num">${fixed(energies[n], DIGITS)}</td>`}
        <td class="bar-cell"><${Bar} share=${found.probability[n] / largest} /></td></tr>`)}</tbody></table></div>
    ${energies && html`<p class="soft">The free energy F(v) is the energy at which v alone would have the same probability: p(v) = e<sup>\u2212F(v)/T</sup> / Z.</p>`}
  </section>`;
}

const CELL = 16;

function HeatMap() {
  const { table, hover, setHover } = usePage();
  const [vs, hs] = [table.visible.states, table.hidden.states];
  const largest = Math.max(...table.probability);
  const best = table.probability.indexOf(largest);
  const said = hover?.v && hover.h ? hover : { v: table.v[best], h: table.h[best] };
  const n = vs.indexOf(said.v ?? "") * hs.length + hs.indexOf(said.h ?? "");
  const shades = useMemo(() => table.probability.map((p) => Math.sqrt(p / largest)), [table]);
  const point = (/** @type {any} */ event) => {
    const { left, top, width, height } = event.currentTarget.getBoundingClientRect();
    const at = (/** @type {number} */ share, /** @type {number} */ count) => Math.min(count - 1, Math.max(0, Math.floor(share * count)));
    const [v, h] = [vs[at((event.clientY - top) / height, vs.length)], hs[at((event.clientX - left) / width, hs.length)]];
    if (hover?.v !== v || hover.h !== h) setHover({ v, h });
  };
  return html`<section class="card heat"><h3>The same as a map</h3>
    <div class="map" style=${`aspect-ratio:${hs.length} / ${vs.length};max-height:${Math.min(420, 26 * vs.length)}px`} onPointerMove=${point} onPointerLeave=${() => setHover(null)}>
      <${Cells} values=${shades} columns=${hs.length} rows=${vs.length} cell=${CELL} test="map"
        label=${`p(v, h) as a map of ${vs.length} by ${hs.length} cells. The darkest is v ${table.v[best]}, h ${table.h[best]} with ${probability(largest)}.`} />
      ${hover?.v && n >= 0 && html`<span class="lit" style=${`left:${(100 * (n % hs.length)) / hs.length}%;top:${(100 * Math.floor(n / hs.length)) / vs.length}%;width:${100 / hs.length}%;height:${100 / vs.length}%`}></span>`}
    </div>
    <p class="soft">v down, h across. ${hover?.v && hover.h ? "Here" : "Darkest"}: v = ${said.v ?? ""}, h = ${said.h ?? ""}, p = <span class="num">${probability(table.probability[n])}</span>.
      The shade is the square root of p, so that rare rows are visible too.</p>
  </section>`;
}
