/** From v to h: each hidden unit sums its inputs, the sigmoid makes that a probability, and their product is p(h|v). */
import { Bar, chance, fixed, html, indexed, plain, probability, Summed, Target, usePage } from "../ui.js";

const TALL = 16;
const [WIDTH, HEIGHT, SIDE, TOP, BOTTOM] = [300, 196, 30, 24, 34];
const NEAR = 14;

export function Units(/** @type {{given: Given}} */ { given }) {
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
