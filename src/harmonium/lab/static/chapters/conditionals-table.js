/** The whole table both ways, in blocks of equal v, each with the one row that gave its p(v). */
import { useState } from "preact/hooks";
import { html } from "../html.js";
import { grouped } from "../format.js";
import { usePage } from "../page.js";
import { Bar } from "../ui/bars.js";
import { Button } from "../ui/controls.js";
import { difference, held } from "./conditionals-given.js";

const SHOWN = 64;
const TALL = 16;
/** Differences below this are what double precision leaves of equal numbers. */
const ROUNDING = 1e-12;

/** @param {{both: import("../answers/conditionals.js").Both}} props */
export function BothWays({ both }) {
  const { setHover } = usePage();
  const [all, setAll] = useState(false);
  const [n, m] = [both.v.length, both.h.length];
  const blocks = all ? n : Math.max(1, Math.floor(SHOWN / m));
  const largest = Math.max(...both.energies);
  return html`<section class="card both-ways"><h3>All ${grouped(n * m)} rows both ways</h3>
    <div class=${n * m > TALL ? "scroll tall" : "fits"}><table class="rows" data-test="both-ways" onPointerLeave=${() => setHover(null)}>
      <thead><tr><th scope="col">h</th><th scope="col" class="share">p(h|v)</th><th scope="col">p(h|v) p(v)</th><th scope="col">e<sup>\u2212E/T</sup> / Z</th><th scope="col">difference</th>
        <th scope="col" class="bar-cell"><span class="hidden">bar</span></th></tr></thead>
      ${both.v.slice(0, blocks).map((v, block) => html`<${Block} key=${v} both=${both} v=${v} block=${block} largest=${largest} />`)}
    </table></div>
    ${n * m > SHOWN && html`<p><${Button} onClick=${() => setAll(!all)}>${all ? `show the first ${SHOWN}` : `show all ${grouped(n * m)}`}<//></p>`}
    <p>The largest difference in all ${grouped(n * m)} rows is <strong class="num" data-test="largest">${difference(both.largest)}</strong>${both.largest === 0 ? "."
      : both.largest < ROUNDING ? ": rounding in double precision." : "."}</p>
    <p class="soft">The row marked \u00f7 was used to find p(v) of its block; the others are predicted.
      <span class="about-bars"> A bar is the probability from the energies; the tick marks the value from the sigmoids.</span></p>
  </section>`;
}

/** @param {{both: import("../answers/conditionals.js").Both, v: string, block: number, largest: number}} props */
function Block({ both, v, block, largest }) {
  const { hover, setHover } = usePage();
  const m = both.h.length;
  return html`<tbody>
    <tr class="block"><th colspan="6" scope="rowgroup">v = <span class="bits-cell">${v}</span><span class="num" data-test=${`marginal-${v}`}>p(v) = ${held(both.marginal[block])}</span></th></tr>
    ${both.h.map((h, k) => {
      const n = block * m + k;
      const lit = hover?.v === v && hover?.h === h;
      return html`<tr key=${h} class=${lit ? "lit" : ""} data-test=${`both-${v}-${h}`} onPointerEnter=${() => setHover({ v, h })}>
        <td class="bits-cell">${h}${h === both.row && html` <span class="spent" role="img" aria-label="divided">\u00f7</span>`}</td>
        <td class="num share">${held(both.conditional[n])}</td><td class="num">${held(both.predicted[n])}</td><td class="num">${held(both.energies[n])}</td>
        <td class="num soft">${difference(both.difference[n])}</td><td class="bar-cell"><${Bar} share=${both.energies[n] / largest} mark=${both.predicted[n] / largest} /></td></tr>`;
    })}</tbody>`;
}
