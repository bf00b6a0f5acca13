/** p(v) from one single row: its joint probability from the energies, divided by its conditional probability from the sigmoids. Then
 * the whole table both ways, in blocks of equal v, each with the one row that gave its p(v). */
import { Bar, Button, chance, difference, DIGITS, grouped, html, probability, Summed, usePage, useState } from "../ui.js";

const SHOWN = 64;
const TALL = 16;
/** Differences below this are what double precision leaves of equal numbers. */
const ROUNDING = 1e-12;

/** The row that is divided, and how to choose it. One that does not fit the machine gives way to the first. */
export function useRow() {
  const { state, setting, changeSetting } = usePage();
  const H = state.machine.b.length;
  const found = String(setting("conditionals", "row", ""));
  return { row: new RegExp(`^[01]{${H}}$`).test(found) ? found : "0".repeat(H), choose: (/** @type {string} */ row) => changeSetting("conditionals", { row }) };
}

/** A probability, too small for a float or not. */
const held = (/** @type {number} */ p) => (p === 0 ? "< 1e\u2212300" : probability(p));

export function OneRow(/** @type {{given: Given}} */ { given }) {
  const { setHover } = usePage();
  const { row, choose } = useRow();
  const n = given.h.indexOf(row);
  const [v, h] = [given.v, given.h[n]];
  const asPrinted = probability(Number(given.joint[n].toFixed(DIGITS)) / Number(given.conditional[n].toFixed(DIGITS)));
  const apart = Math.abs(given.marginal[n] - given.visible);
  return html`<section class=${h.length > 2 ? "card one-row long" : "card one-row"}><h3>One row of v = ${v} is enough</h3>
    <div class=${given.h.length > TALL ? "scroll tall" : "fits"}><table class="rows" data-test="one-row" onPointerLeave=${() => setHover(null)}>
      <caption class="hidden">Choose the row to divide</caption>
      <thead><tr><th><span class="hidden">chosen</span></th><th scope="col">h</th><th scope="col">p(v, h)<small>from the energy</small></th><th scope="col">p(h|v)<small>from the sigmoids</small></th><th scope="col">quotient</th></tr></thead>
      <tbody>${given.h.map((state, k) => html`<tr key=${state} class=${k === n ? "lit" : ""} data-test=${`divide-${state}`} onPointerEnter=${() => setHover({ v, h: state })} onClick=${() => choose(state)}>
        <td><input type="radio" name="divided-row" aria-label=${`divide the row h = ${state}`} checked=${k === n} onChange=${() => choose(state)} /></td>
        <td class="bits-cell">${state}</td>
        <td class="num">${chance(given.joint[k], given.log_joint[k])}</td><td class="num">${chance(given.conditional[k], given.log_conditional[k])}</td>
        <td class=${k === n ? "num" : "num soft"}>${chance(given.marginal[k], given.log_marginal[k])}</td></tr>`)}</tbody></table></div>
    <div class="division" aria-live="polite">
      <span class="side in-words"><span>p(v = ${v}, h = ${h})</span><span class="stroke"></span><span>p(h = ${h} | v = ${v})</span></span>
      <span class="in-words">=</span>
      <span class="side num"><${Summed} text=${chance(given.joint[n], given.log_joint[n])} label="from the energy" test="numerator"
          tex=${"p(v,h) = \\frac{e^{-E/T}}{Z} = e^{-E/T - \\ln Z}"} rows=${() => [["\u2212E/T", given.exponent[n]], ["\u2212 ln Z", -given.log_partition]]} total="e to the power of their sum" />
        <span class="stroke"></span><span data-test="denominator">${chance(given.conditional[n], given.log_conditional[n])}</span></span>
      <span>=</span>
      <span class="big num" data-test="quotient">${chance(given.marginal[n], given.log_marginal[n])}</span>
    </div>
    <p>This is p(v = ${v}). Summing all its ${given.h.length} rows gives
      ${" "}<${Summed} text=${chance(given.visible, given.log_visible)} label=${`p(v = ${v}), all rows added`} test="added"
        tex=${"p(v) = \\sum_h p(v,h)"} rows=${() => given.h.map((state, k) => [`h = ${state}`, chance(given.joint[k], given.log_joint[k])])} />
      ${apart === 0 ? ", the same." : html`, the same up to rounding (<span class="num">${difference(apart)}</span>).`}
      ${given.joint[n] > 1e-6 && asPrinted !== probability(given.marginal[n]) && html` The page divides the two numbers in full; as printed, with nine decimals, they give <span class="num" data-test="as-printed">${asPrinted}</span>.`}</p>
  </section>`;
}

export function BothWays(/** @type {{both: Both}} */ { both }) {
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

function Block(/** @type {{both: Both, v: string, block: number, largest: number}} */ { both, v, block, largest }) {
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
