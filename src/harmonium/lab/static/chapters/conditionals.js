/** Chapter 2: the same table from the sigmoids. */
import { Bar, Button, Card, chance, difference, DIGITS, fixed, grouped, html, indexed, plain, probability, Summed, Target, useMemo, usePage, useState, Words } from "../ui.js";
import * as answers from "../answers/conditionals.js";

export const chapter = { id: "conditionals", title: "From the conditionals", Chapter: Conditionals };

function Conditionals() {
  const { state, tables } = usePage();
  const { row } = useRow();
  const given = useMemo(() => answers.given(tables, state.target), [tables, state.target]);
  const both = useMemo(() => answers.both(tables, row), [tables, row]);
  return html`<${Words} of="conditionals" parts=${{ Card, Units, Products, OneRow, BothWays }} given=${given} both=${both} />`;
}

/** Longer tables scroll. */
const TALL = 16;
const [WIDTH, HEIGHT, SIDE, TOP, BOTTOM] = [300, 196, 30, 24, 34];
const NEAR = 14;

function Units(/** @type {{given: Given}} */ { given }) {
  const { setHover } = usePage();
  return html`<section class="card deciding"><div class="card-head"><h3>Each hidden unit on its own</h3>
      <span class="chosen"><span>v =</span> <${Target} label="v" test="given-v" /></span></div>
    <div class="decide">
      <ul onPointerLeave=${() => setHover(null)}>${given.units.map((unit, j) => html`<${Decides} unit=${unit} j=${j} given=${given} />`)}</ul>
      <${Sigmoid} given=${given} />
    </div></section>`;
}

function Decides(/** @type {{unit: Unit, j: number, given: Given}} */ { unit, j, given }) {
  const { setHover } = usePage();
  const [h, S, T] = [indexed("h", j + 1), indexed("S", j + 1), given.temperature];
  const alone = given.units.map((_, k) => (k === j ? "1" : "0")).join("");
  return html`<li onPointerEnter=${() => setHover({ v: given.v, h: alone })} data-test=${`decides-${j}`}>
    <p class="name">${h}</p>
    <div>
      <p class="line"><span>${S} = ${indexed("b", j + 1)}</span>${unit.weights.map((_, i) => html` <span>+ ${indexed("v", i + 1)}${indexed("w", i + 1, j + 1)}</span>`)}</p>
      <p class="line num"><span class="equals">= ${plain(unit.bias)}</span>${unit.weights.map(
        (w, i) => html` <span class=${given.v[i] === "1" ? "" : "soft"}>+ ${given.v[i]}\u00b7${bracketed(w)}</span>`,
      )} <span>= <strong data-test=${`input-${j}`}>${plain(unit.input, 6)}</strong></span></p>
      <p class="line num"><span>p(${h} = 1 | v) = \u03c3(${plain(unit.input, 4)}${T === 1 ? "" : ` / ${plain(T)}`}) =</span> <strong data-test=${`on-${j}`}>${probability(unit.on)}</strong></p>
      <${Bar} share=${unit.on} />
    </div></li>`;
}

const bracketed = (/** @type {number} */ x) => (x < 0 ? `(${plain(x)})` : plain(x));

/** The sigmoid with the units on it. @param {{given: Given}} props */
function Sigmoid({ given }) {
  const { curve } = given;
  const reach = curve.input[curve.input.length - 1];
  const x = (/** @type {number} */ s) => SIDE + ((s + reach) / (2 * reach)) * (WIDTH - SIDE - 10);
  const y = (/** @type {number} */ p) => TOP + (1 - p) * (HEIGHT - TOP - BOTTOM);
  const path = curve.input.map((s, n) => `${n ? "L" : "M"}${x(s).toFixed(1)} ${y(curve.probability[n]).toFixed(1)}`).join("");
  const said = given.units.map((unit, j) => `${indexed("h", j + 1)} at ${plain(unit.input)}, probability ${fixed(unit.on, 3)}`).join("; ");
  const tick = Number((reach / 2).toPrecision(1));
  return html`<figure><svg class="sigmoid" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label=${`The sigmoid. ${said}`}>
    ${[0, 0.5, 1].map((p) => html`<line class="rule" x1=${SIDE} x2=${WIDTH - 10} y1=${y(p)} y2=${y(p)} /><text x=${SIDE - 6} y=${y(p) + 4} text-anchor="end">${p === 0.5 ? "\u00bd" : p}</text>`)}
    ${[-tick, 0, tick].map((s) => html`<line class="rule" x1=${x(s)} x2=${x(s)} y1=${y(0)} y2=${y(0) + 4} /><text x=${x(s)} y=${y(0) + 16} text-anchor="middle">${plain(s)}</text>`)}
    <text x=${WIDTH - 10} y=${y(0) + 30} text-anchor="end">total input S</text><text x=${SIDE + 2} y=${y(1) - 8}>\u03c3(S/T)</text>
    <path class="curve-line" d=${path} />
    ${given.units.map((unit) => html`<line class="drop" x1=${x(unit.input)} x2=${x(unit.input)} y1=${y(0)} y2=${y(unit.on)} /><circle cx=${x(unit.input)} cy=${y(unit.on)} r="5" />`)}
    ${labels(given.units.map((unit, j) => ({ name: indexed("h", j + 1), x: x(unit.input), y: y(unit.on) })))
      .map((label) => html`<text class="unit-name" x=${label.x} y=${label.y - 9} text-anchor="end" dx="-4">${label.name}</text>`)}
  </svg></figure>`;
}

/** Units that stand close together share one label. */
function labels(/** @type {{name: string, x: number, y: number}[]} */ places) {
  return places.toSorted((p, q) => p.x - q.x).reduce((shown, place) => {
    const last = shown.at(-1);
    if (last && place.x - last.x < NEAR) last.name += `, ${place.name}`;
    else shown.push(place);
    return shown;
  }, /** @type {typeof places} */ ([]));
}

/** p(h|v) of every h as the product of its units. @param {{given: Given}} props */
export function Products({ given }) {
  const { hover, setHover } = usePage();
  const largest = Math.max(...given.conditional);
  const digits = [6, 6, 4, 3, 3][given.units.length - 1];
  return html`<section class=${given.units.length > 2 ? "card products long" : "card products"}><h3>Every h, given v = ${given.v}</h3>
    <div class=${given.h.length > TALL ? "scroll tall" : "fits"}><table class="rows" data-test="products" onPointerLeave=${() => setHover(null)}>
      <thead><tr><th scope="col">h</th><th scope="col" class="factors">product of its units</th><th scope="col">p(h|v)</th><th scope="col"><span class="hidden">bar</span></th></tr></thead>
      <tbody>${given.h.map(
        (h, n) => html`<tr key=${h} class=${hover?.h === h && hover?.v === given.v ? "lit" : ""} data-test=${`product-${h}`} onPointerEnter=${() => setHover({ v: given.v, h })} onFocusIn=${() => setHover({ v: given.v, h })}>
          <td class="bits-cell">${h}</td>
          <td class="num factors">${given.factors[n].map((p, j) => html`${j > 0 && " \u00b7 "}<span class=${h[j] === "1" ? "" : "soft"}>${fixed(p, digits)}</span>`)}</td>
          <td class="num"><${Summed} text=${chance(given.conditional[n], given.log_conditional[n])} label=${`p(h = ${h} | v)`}
            tex=${"p(h \\mid v) = \\prod_j p(h_j \\mid v)"} total="their product"
            rows=${() => given.factors[n].map((p, j) => [`p(${indexed("h", j + 1)} = ${h[j]} | v)`, probability(p)])} /></td>
          <td class="bar-cell"><${Bar} share=${given.conditional[n] / largest} /></td></tr>`,
      )}</tbody></table></div>
    <p class="soft">Dark factors belong to units that are on, faint ones to units that are off. Click any number to see how it is computed.</p></section>`;
}

const SHOWN = 64;
/** Differences below this are what double precision leaves of equal numbers. */
const ROUNDING = 1e-12;

/** The row that is divided, and how to choose it. One that does not fit the machine gives way to the first. */
function useRow() {
  const { state, setting, changeSetting } = usePage();
  const H = state.machine.b.length;
  const found = String(setting("conditionals", "row", ""));
  return { row: new RegExp(`^[01]{${H}}$`).test(found) ? found : "0".repeat(H), choose: (/** @type {string} */ row) => changeSetting("conditionals", { row }) };
}

/** A probability, too small for a float or not. */
const held = (/** @type {number} */ p) => (p === 0 ? "< 1e\u2212300" : probability(p));

function OneRow(/** @type {{given: Given}} */ { given }) {
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

function BothWays(/** @type {{both: Both}} */ { both }) {
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
