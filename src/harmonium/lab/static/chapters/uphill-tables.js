/** The tables before and after the step, side by side. */
import { html } from "../html.js";
import { bitsText, fixed, grouped, probability, signed } from "../format.js";
import { usePage } from "../page.js";
import { Bar } from "../ui/bars.js";
import { Choice } from "../ui/controls.js";

/** @typedef {import("./uphill-given.js").Step} Step */

/** @param {{step: Step}} props */
export function BeforeAndAfter({ step }) {
  const { setting, changeSetting, setHover } = usePage();
  const which = setting("uphill", "rows", "visible");
  const count = step.rows.energy.before.length;
  return html`<section class="card both"><div class="card-head"><h3>Before and after</h3>
      <${Choice} label="rows" value=${which} options=${[["visible", "Pr{v}"], ["all", `all ${grouped(count)} configurations`]]} onChange=${(/** @type {string} */ rows) => changeSetting("uphill", { rows })} test="rows" /></div>
    <div class="scroll tall" tabindex="0" role="region" aria-label="the table before and after" onPointerLeave=${() => setHover(null)}>${which === "all" ? html`<${Configurations} step=${step} />` : html`<${Visible} step=${step} />`}</div>
    <p class="soft">The bar is the probability after the step, the tick the probability before. What the target gains, other vectors lose: both columns sum to 1.</p>
  </section>`;
}

/** @param {{step: Step}} props */
function Visible({ step }) {
  const { hover, setHover } = usePage();
  const { states, before, after } = step.visible;
  const largest = Math.max(...before, ...after);
  return html`<table class="rows" data-test="visible-both">
    <thead><tr><th scope="col">v</th><th scope="col">before</th><th scope="col">after</th><th scope="col" class="change">change</th><th scope="col"><span class="hidden">bar</span></th></tr></thead>
    <tbody>${states.map((v, n) => html`<tr key=${v} class=${classOf(hover?.v === v, v === step.target)} data-test=${`both-${v}`} onPointerEnter=${() => setHover({ v })}>
      <td class="bits-cell">${v === step.target && html`<span class="here">target </span>`}${bitsText(v)}</td>
      <td class="num">${probability(before[n], 9)}</td><td class="num">${probability(after[n], 9)}</td>
      <td class=${`num change ${after[n] < before[n] ? "minus" : "plus"}`}>${signed(after[n] - before[n], 6)}</td>
      <td class="bar-cell"><${Bar} share=${after[n] / largest} mark=${before[n] / largest} strong=${v === step.target} /></td></tr>`)}</tbody>
  </table>`;
}

/** @param {{step: Step}} props */
function Configurations({ step }) {
  const { hover, setHover } = usePage();
  const { energy, probability: p } = step.rows;
  const largest = p.before.concat(p.after).reduce((a, b) => Math.max(a, b), 0);
  const hidden = step.hidden.states;
  return html`<table class="rows every" data-test="rows-both">
    <thead><tr><th scope="col">v</th><th scope="col">h</th><th scope="col">E before</th><th scope="col">after</th><th scope="col">p before</th><th scope="col">after</th><th scope="col" class="bar-cell"><span class="hidden">bar</span></th></tr></thead>
    <tbody>${step.visible.states.flatMap((v, n) => hidden.map((h, m) => {
      const k = n * hidden.length + m;
      const lit = hover !== null && hover.v === v && (hover.h === undefined || hover.h === h);
      return html`<tr key=${v + h} class=${`${classOf(lit, v === step.target)}${m === 0 && n > 0 ? " first" : ""}`} data-test=${`both-${v}-${h}`} onPointerEnter=${() => setHover({ v, h })}>
        <td class="bits-cell">${bitsText(v)}</td><td class="bits-cell">${bitsText(h)}</td>
        <td class="num">${fixed(energy.before[k], 3)}</td><td class="num">${fixed(energy.after[k], 3)}</td>
        <td class="num">${probability(p.before[k])}</td><td class="num">${probability(p.after[k])}</td>
        <td class="bar-cell"><${Bar} share=${p.after[k] / largest} mark=${p.before[k] / largest} strong=${v === step.target} /></td></tr>`;
    }))}</tbody>
  </table>`;
}

/** @param {boolean} lit @param {boolean} target */
function classOf(lit, target) {
  return `${lit ? "lit" : ""}${target ? " of-target" : ""}`;
}
