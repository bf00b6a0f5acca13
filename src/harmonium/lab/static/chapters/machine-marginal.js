/** The probabilities of one layer's vectors, each the sum of its rows. */
import { html } from "../html.js";
import { DIGITS, fixed, probability } from "../format.js";
import { usePage } from "../page.js";
import { Bar } from "../ui/bars.js";
import { Summed } from "../ui/sum.js";

/** @param {{layer: "v" | "h"}} props */
export function Marginal({ layer }) {
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
      <tbody>${found.states.map(
        (s, n) => html`<tr key=${s} class=${hover?.[layer] === s ? "lit" : ""} data-test=${`p-${layer}-${s}`} onPointerEnter=${() => setHover({ [layer]: s })}>
          <td class="bits-cell">${s}</td>
          <td class="num"><${Summed} value=${found.probability[n]} text=${probability(found.probability[n])} label=${`probability of ${layer} = ${s}`}
            tex=${`p(${layer}) = \\sum_{${other}} p(v, h)`} rows=${terms(s)} /></td>
          ${energies && html`<td class="num">${fixed(energies[n], DIGITS)}</td>`}
          <td class="bar-cell"><${Bar} share=${found.probability[n] / largest} /></td></tr>`,
      )}</tbody></table></div>
    ${energies && html`<p class="soft">The free energy F(v) is the energy at which v alone would have the same probability: p(v) = e<sup>\u2212F(v)/T</sup> / Z.</p>`}
  </section>`;
}
