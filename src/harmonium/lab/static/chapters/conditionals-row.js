/** p(v) from one single row: its joint probability from the energies, divided by its conditional probability from the sigmoids. */
import { html } from "../html.js";
import { DIGITS, probability } from "../format.js";
import { usePage } from "../page.js";
import { Summed } from "../ui/sum.js";
import { chance, difference, useConditionals } from "./conditionals-given.js";

const TALL = 16;

/** @param {{given: import("../answers/conditionals.js").Given}} props */
export function OneRow({ given }) {
  const { setHover } = usePage();
  const { row, choose } = useConditionals();
  const n = given.h.indexOf(row);
  const [v, h] = [given.v, given.h[n]];
  const asPrinted = probability(Number(given.joint[n].toFixed(DIGITS)) / Number(given.conditional[n].toFixed(DIGITS)));
  const apart = Math.abs(given.marginal[n] - given.visible);
  return html`<section class=${h.length > 2 ? "card one-row long" : "card one-row"}><h3>One row of v = ${v} is enough</h3>
    <div class=${given.h.length > TALL ? "scroll tall" : "fits"}><table class="rows" data-test="one-row" onPointerLeave=${() => setHover(null)}>
      <caption class="hidden">Choose the row to divide</caption>
      <thead><tr><th><span class="hidden">chosen</span></th><th scope="col">h</th><th scope="col">p(v, h)<small>from the energy</small></th><th scope="col">p(h|v)<small>from the sigmoids</small></th><th scope="col">quotient</th></tr></thead>
      <tbody>${given.h.map(
        (state, k) => html`<tr key=${state} class=${k === n ? "lit" : ""} data-test=${`divide-${state}`} onPointerEnter=${() => setHover({ v, h: state })} onClick=${() => choose({ row: state })}>
          <td><input type="radio" name="divided-row" aria-label=${`divide the row h = ${state}`} checked=${k === n} onChange=${() => choose({ row: state })} /></td>
          <td class="bits-cell">${state}</td>
          <td class="num">${chance(given.joint[k], given.log_joint[k])}</td><td class="num">${chance(given.conditional[k], given.log_conditional[k])}</td>
          <td class=${k === n ? "num" : "num soft"}>${chance(given.marginal[k], given.log_marginal[k])}</td></tr>`,
      )}</tbody></table></div>
    <div class="division" aria-live="polite">
      <span class="side in-words"><span>p(v = ${v}, h = ${h})</span><span class="stroke"></span><span>p(h = ${h} | v = ${v})</span></span>
      <span class="in-words">=</span>
      <span class="side num"><${Summed} value=${null} text=${chance(given.joint[n], given.log_joint[n])} digits=${DIGITS} label="from the energy" test="numerator"
          tex=${"p(v,h) = \\frac{e^{-E/T}}{Z} = e^{-E/T - \\ln Z}"} rows=${() => [["\u2212E/T", given.exponent[n]], ["\u2212 ln Z", -given.log_partition]]} total="e to the power of their sum" />
        <span class="stroke"></span><span data-test="denominator">${chance(given.conditional[n], given.log_conditional[n])}</span></span>
      <span>=</span>
      <span class="big num" data-test="quotient">${chance(given.marginal[n], given.log_marginal[n])}</span>
    </div>
    <p>This is p(v = ${v}). Summing all its ${given.h.length} rows gives
      ${" "}<${Summed} value=${null} text=${chance(given.visible, given.log_visible)} label=${`p(v = ${v}), all rows added`} test="added"
        tex=${"p(v) = \\sum_h p(v,h)"} rows=${() => given.h.map((state, k) => [`h = ${state}`, chance(given.joint[k], given.log_joint[k])])} />
      ${apart === 0 ? ", the same." : html`, the same up to rounding (<span class="num">${difference(apart)}</span>).`}
      ${given.joint[n] > 1e-6 && asPrinted !== probability(given.marginal[n]) && html` The page divides the two numbers in full; as printed, with nine decimals, they give <span class="num" data-test="as-printed">${asPrinted}</span>.`}</p>
  </section>`;
}
