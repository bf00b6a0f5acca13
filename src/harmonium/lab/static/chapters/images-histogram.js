/** A picture's free energy among those of others. */
import { fixed, html } from "../ui.js";

const WIDTH = 420;
const HEIGHT = 120;
const FLOOR = 96;
const NAMES = /** @type {Record<string, string>} */ ({ digits: "held-out digits", noise: "independent pixels", fantasies: "the machine's fantasies" });

/** @param {{histogram: {edges: number[], shares: Record<string, number[]>}, at: number}} props */
export function Histogram({ histogram, at }) {
  const { edges, shares } = histogram;
  const [least, most] = [edges[0], edges[edges.length - 1]];
  const tallest = Math.max(...Object.values(shares).flat(), 1e-9);
  const place = (/** @type {number} */ x) => 8 + ((WIDTH - 16) * (x - least)) / (most - least);
  const outside = at < least ? "left" : at > most ? "right" : "";
  const x = place(Math.min(most, Math.max(least, at)));
  const ticks = [0, 1, 2, 3, 4].map((n) => least + ((most - least) * n) / 4);
  return html`<figure class="histogram" data-test="histogram">
    <svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label=${`Free energies: of ${Object.keys(shares).map((name) => NAMES[name]).join(", of ")}; your drawing has ${fixed(at, 2)} nats`}>
      ${Object.entries(shares).map(([name, values]) => html`<g class=${`bars ${name}`}>
        ${values.map((share, n) => share > 0 && html`<rect x=${place(edges[n]) + 0.5} width=${Math.max(1, place(edges[n + 1]) - place(edges[n]) - 1)}
          y=${FLOOR - (share / tallest) * (FLOOR - 14)} height=${(share / tallest) * (FLOOR - 14)} />`)}
      </g>`)}
      <line class="floor" x1="8" x2=${WIDTH - 8} y1=${FLOOR} y2=${FLOOR} />
      ${ticks.map((value) => html`<text x=${place(value)} y=${HEIGHT - 8} text-anchor=${value === least ? "start" : value === most ? "end" : "middle"}>${fixed(value, 0)}</text>`)}
      <g class="here"><line x1=${x} x2=${x} y1="12" y2=${FLOOR + 4} />
        <path d=${outside === "left" ? `M${x + 2} 12l-9 5 9 5z` : outside === "right" ? `M${x - 2} 12l9 5-9 5z` : `M${x - 5} 4h10l-5 9z`} /></g>
    </svg>
    <figcaption class="soft">${Object.keys(shares).map((name) => html`<span class=${`key ${name}`}></span>${NAMES[name]} `)}<span class="key here"></span>your drawing. Free energy in nats; further to the left is more probable.</figcaption>
  </figure>`;
}
