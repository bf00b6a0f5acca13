/** Patterns as pictures of few pixels, and weights as pictures in the same shape. */
import { html } from "../html.js";
import { fixed, indexed, signed } from "../format.js";

/** @param {{bits: string, columns: number}} props */
export function Tile({ bits, columns }) {
  const rows = bits.length / columns;
  const on = [...bits].flatMap((bit, n) => (bit === "1" ? [`M${n % columns} ${Math.floor(n / columns)}h1v1h-1z`] : []));
  return html`<svg class="tile" viewBox=${`-0.06 -0.06 ${columns + 0.12} ${rows + 0.12}`} aria-hidden="true" style=${`aspect-ratio:${columns}/${rows}`}>
    <path class="paper" d=${`M0 0h${columns}v${rows}h-${columns}z`} />
    <path class="on" d=${on.join("")} />
    <path class="grid" d=${grid(columns, rows)} />
  </svg>`;
}

/** @param {number} columns @param {number} rows */
function grid(columns, rows) {
  const down = Array.from({ length: columns + 1 }, (_, x) => `M${x} 0v${rows}`);
  return [...down, ...Array.from({ length: rows + 1 }, (_, y) => `M0 ${y}h${columns}`)].join("");
}

/** Numbers as squares: their size says how large, full for positive and hollow for negative ones.
 * @param {{values: number[], columns: number, largest: number, name: string}} props */
function Squares({ values, columns, largest, name }) {
  const rows = values.length / columns;
  return html`<svg class="squares" viewBox=${`0 0 ${columns} ${rows}`} role="img" aria-label=${`${name}: ${values.map((w) => signed(w, 2)).join(", ")}`} style=${`aspect-ratio:${columns}/${rows}`}>
    <title>${`${name}: ${values.map((w) => signed(w, 2)).join(", ")}`}</title>
    <path class="grid" d=${grid(columns, rows)} />
    ${values.map((w, n) => {
      const side = 0.92 * Math.sqrt(Math.min(1, Math.abs(w) / largest));
      const inner = w < 0 ? Math.max(0, side - 0.12) : side;
      const at = (/** @type {number} */ x) => x + 0.5 - inner / 2;
      return html`<rect key=${n} class=${w < 0 ? "minus" : "plus"} x=${at(n % columns)} y=${at(Math.floor(n / columns))} width=${inner} height=${inner} />`;
    })}
  </svg>`;
}

/** The weights of each hidden unit in the shape of the patterns, and the visible biases.
 * @param {{machine: import("../state.js").Machine, columns: number, largest: number}} props */
export function Filters({ machine, columns, largest }) {
  const { weights, a, b } = machine;
  return html`<div class="filters" style=${columns === a.length ? "--least:3.6rem" : ""}>
    ${b.map(
      (bias, j) => html`<figure key=${j}><${Squares} values=${weights.map((row) => row[j])} columns=${columns} largest=${largest} name=${`weights of ${indexed("h", j + 1)}`} />
        <figcaption title=${`bias ${indexed("b", j + 1)} = ${fixed(bias, 3)}`}>${indexed("h", j + 1)}</figcaption></figure>`,
    )}
    <figure class="own"><${Squares} values=${a} columns=${columns} largest=${largest} name="visible biases a" /><figcaption>a</figcaption></figure>
  </div>`;
}
