/** Contrastive divergence in slow motion: v, h, v', h' sampled one after the other, then the update. */
import { Bar, Button, digitsFor, Error, fixed, Formula, Grid, html, indexed, plain, probability, signed, useEffect, useMemo, usePage, useState } from "../ui.js";
import { updateOf } from "../answers/gradient.js";
import { drawOf, useGiven } from "./gradient-given.js";

const LAYERS = /** @type {const} */ ([
  ["v", "", "the target"],
  ["h", "", "drawn from p(h | v)"],
  ["v", "\u2032", "drawn from p(v | h)"],
  ["h", "\u2032", "drawn from p(h | v\u2032)"],
]);
const NEXT = ["sample h", "sample v\u2032", "sample h\u2032"];
const LAST = LAYERS.length - 1;

export function SlowMotion() {
  const { state, tables, setting, change, changeSetting } = usePage();
  const given = useGiven();
  const draw = drawOf(setting("gradient", "draw", 0));
  const [stage, setStage] = useState(0);
  const update = useMemo(() => updateOf(tables, state.target, given.biases, given.rate, state.seed, draw), [tables, state.target, given.biases, given.rate, state.seed, draw]);
  useEffect(() => setStage(0), [given.target, state.machine.a.length, state.machine.b.length]);
  const again = () => {
    setStage(0);
    changeSetting("gradient", { draw: draw + 1 });
  };
  const apply = () => {
    setStage(0);
    change({ machine: update.after, settings: { ...state.settings, gradient: { ...state.settings.gradient, draw: draw + 1 } } });
  };
  return html`<section class="card slow"><h3>Contrastive divergence in slow motion</h3>
    <div class="flow">${LAYERS.map((_, n) => html`<${Stage} number=${n} layer=${update.layers[n]} stage=${stage} />`)}</div>
      <div class="buttons">
        <${Button} primary onClick=${stage < LAST ? () => setStage(stage + 1) : apply} disabled=${stage === LAST && !update.allowed} test=${stage < LAST ? "sample" : "apply"}>${stage < LAST ? NEXT[stage] : "apply the update"}<//>
        ${stage < LAST && html`<${Button} onClick=${() => setStage(LAST)} test="sample-all">all three<//>`}
        <${Button} onClick=${again} test="redraw">new random numbers<//>
      </div>
      <p class="hidden" aria-live="polite">${said(update, stage)}</p>
      ${stage === LAST ? html`<${Products} update=${update} target=${given.target} temperature=${state.temperature} />` : html`<p class="soft">u is drawn uniformly from 0 to 1 and marked by the tick. The bar is as long as the probability; if the tick lies within it, the unit is on.</p>`}
  </section>`;
}

/** One layer's units: known, next to be sampled, or still ahead. @param {{number: number, layer: Layer, stage: number}} props */
function Stage({ number, layer, stage }) {
  const [letter, mark, how] = LAYERS[number];
  const known = number <= stage;
  const ready = number === stage + 1;
  return html`<div class=${`stage${known ? " known" : ready ? " ready" : ""}`} data-test=${`stage-${number}`}>
    <h4>${letter}${mark} <span class="soft">${how}</span></h4>
    <ul>${layer.bits.map((bit, i) => html`<li>
      <span class=${`drawn-bit${known && bit ? " on" : ""}`}>${known ? bit : "?"}</span>
      <span class="drawn">
        ${layer.probability && (known || ready)
          ? html`<span class="num">p(${indexed(letter, i + 1)}${mark}\u00a0=\u00a01)\u00a0= ${probability(layer.probability[i], 4)}</span>
            <${Bar} share=${layer.probability[i]} mark=${known ? layer.uniform?.[i] : null} strong=${known && bit === 1} />
            <span class="num soft">${known ? `u = ${fixed(layer.uniform?.[i], 4)}` : "u not drawn yet"}</span>`
          : html`<span class="soft">${indexed(letter, i + 1)}${mark}</span>`}</span></li>`)}</ul>
  </div>`;
}

function Products(/** @type {{update: Update, target: string, temperature: number}} */ { update, target, temperature }) {
  const { positive, negative, delta, biases } = update;
  const digits = digitsFor(delta.b.length + Number(biases));
  const { before, after } = update.probability;
  const bits = (/** @type {Machine} */ values, /** @type {any} */ caption, /** @type {string} */ test) =>
    html`<${Grid} caption=${caption} values=${values} biases=${biases} test=${test} cell=${(/** @type {any} */ _, /** @type {number} */ x) => html`<span class=${x ? "drawn-bit on small" : "drawn-bit small"}>${x}</span>`} />`;
  return html`<div class="grids products">
      ${bits(positive, html`<${Formula} tex="v\\,h^{\\mathsf T}" />`, "product")}
      <span class="sign" aria-hidden="true">\u2212</span>
      ${bits(negative, html`<${Formula} tex="v'h'^{\\mathsf T}" />`, "product-end")}
      <span class="sign" aria-hidden="true">\u2192</span>
      <${Grid} caption="\u0394, the update" aside=${temperature === 1 ? `times \u03b7 = ${plain(update.rate, 4)}` : `times \u03b7/T = ${plain(update.rate / temperature, 4)}`} values=${delta} biases=${biases} test="update"
        cell=${(/** @type {any} */ _, /** @type {number} */ x) => html`<span class=${x < 0 ? "minus" : x > 0 ? "plus" : "soft"}>${x === 0 ? "0" : signed(x, digits)}</span>`} />
    </div>
    <p>With these samples, p(v = ${target}) goes from <span class="num">${probability(before)}</span> to
      ${" "}<span class="num" data-test="cd-after">${probability(after)}</span>: ${after === before ? "this update changes nothing" : after < before ? "this one leads downhill" : "this one leads uphill"}.</p>
    ${!update.allowed && html`<${Error}>This update would take a parameter beyond \u00b120, the limit of this page. Choose a smaller rate.<//>`}`;
}

function said(/** @type {Update} */ { layers, probability: p }, /** @type {number} */ stage) {
  if (stage === 0) return "";
  const [letter, mark] = LAYERS[stage];
  const end = stage === LAST ? ` The update leads from ${fixed(p.before, 6)} to ${fixed(p.after, 6)}.` : "";
  return `${letter}${mark ? " prime" : ""} is ${layers[stage].bits.join(" ")}.${end}`;
}
