/** One of the three machines: its figures, its distribution and the target, its weights. */
import { html } from "../html.js";
import { fixed, grouped, probability } from "../format.js";
import { Filters, Tile } from "./set-pictures.js";
import { METHODS, NAMES } from "../answers/set.js";

const SOURCES = {
  exact: "The negative term sums over every v with its probability p(v).",
  cd: "The negative term comes from chains that start at the data and make one sweep.",
  pcd: "The negative term comes from chains that continue from update to update.",
};

/** @param {{run: import("../answers/set.js").Run, method: import("../answers/set.js").Method, at: string, onPoint: (bits: string) => void}} props */
export function Column({ run, method, at, onPoint }) {
  const now = run.now[method];
  const { target, state } = run;
  const figures = /** @type {[string, string, string][]} */ ([
    ["log_likelihood", "log likelihood", fixed(now.log_likelihood, 4)],
    ["divergence", "KL from the target", fixed(now.divergence, 4)],
    ["wrong_pixels", "wrong pixels", fixed(now.wrong_pixels, 4)],
    ["flawless", "p(v\u2032 = v)", fixed(now.flawless, 4)],
  ]);
  const largest = Math.max(1, ...METHODS.flatMap((m) => [...state.machines[m].weights.flat(), ...state.machines[m].a].map(Math.abs)));
  return html`<section class=${`card method ${method}`} data-test=${`method-${method}`} aria-label=${NAMES[method]}>
    <h3>${NAMES[method]}</h3>
    <p class="soft">${SOURCES[method]}</p>
    ${now.stopped && html`<p class="error" role="alert">${now.stopped}</p>`}
    <dl class="figures">${figures.map(
      ([key, label, text]) => html`<div><dt>${label}</dt><dd class="num" data-test=${`${method}-${key}`}>${text}</dd></div>`,
    )}</dl>
    <${Distribution} run=${run} method=${method} at=${at} onPoint=${onPoint} />
    <${Filters} machine=${state.machines[method]} columns=${target.columns} largest=${largest} />
  </section>`;
}

/** p(v) as bars, the target as lines across them, the v of the last negative term as dots.
 * @param {{run: import("../answers/set.js").Run, method: import("../answers/set.js").Method, at: string, onPoint: (bits: string) => void}} props */
function Distribution({ run, method, at, onPoint }) {
  const { target, now } = run;
  const { probability: p, others, drawn, drawn_others: drawnOthers } = now[method];
  const top = Math.max(...target.target, ...METHODS.flatMap((m) => [...now[m].probability, ...(now[m].drawn ?? [])]));
  // The rest is a sum over many; its bar is cut off where it would make the others small.
  const high = (/** @type {number} */ share) => `${Math.min(100, (100 * share) / top)}%`;
  const rest = target.not_shown > 0;
  const bars = [
    ...target.patterns.map((bits, n) => ({ bits, q: target.target[n], p: p[n], drawn: drawn && drawn[n] })),
    ...(rest ? [{ bits: "", q: 0, p: others, drawn: drawnOthers }] : []),
  ];
  const pointed = bars.find(({ bits }) => bits === at && at !== "") ?? (at === "others" && rest ? bars.at(-1) : undefined);
  const likeliest = bars.reduce((best, bar) => (bar.p > best.p ? bar : best));
  return html`<div class="distribution" onPointerLeave=${() => onPoint("")} data-test=${`${method}-bars`}>
    <div class="bars" role="img" style=${bars.length > 16 ? "--n:8;--high:2.6rem;--wide:44px" : `--n:${bars.length};--wide:${bars.length > 8 ? 26 : 40}px`}
      aria-label=${`p(v) and the target. Most likely: ${nameOf(likeliest.bits, target.not_shown)} with ${probability(likeliest.p, 4)}. The table below has all numbers.`}>
      ${bars.map(
        (bar) => html`<div key=${bar.bits} class=${pointed === bar ? "place lit" : "place"} data-share=${bar.p} onPointerEnter=${() => onPoint(bar.bits || "others")}>
          <span class="room"><span class=${bar.p > top ? "learned cut" : "learned"} style=${`height:${high(bar.p)}`}></span>
            ${bar.q > 0 && html`<span class="aim" style=${`bottom:${high(bar.q)}`}></span>`}
            ${bar.drawn !== null && bar.drawn > 0 && html`<span class="drawn" style=${`bottom:${high(bar.drawn)}`}></span>`}</span>
          ${bar.bits ? html`<${Tile} bits=${bar.bits} columns=${target.columns} />` : html`<span class="rest">rest<br />${fixed(100 * bar.p, 0)}%</span>`}
        </div>`,
      )}
    </div>
    ${rest &&
    html`<p class="strays soft">most likely others:${now[method].strays.map(
      ({ bits, probability: share }) => html` <span key=${bits}><${Tile} bits=${bits} columns=${target.columns} /> <span class="num">${probability(share, 3)}</span></span>`,
    )}</p>`}
    <p class="pointed soft">${pointed
      ? html`${nameOf(pointed.bits, target.not_shown)}: target <span class="num">${probability(pointed.q, 4)}</span>, learned <span class="num">${probability(pointed.p, 4)}</span>${
          pointed.drawn === null ? "" : html`, drawn <span class="num">${probability(pointed.drawn, 3)}</span>`}`
      : html`<span class="key learned"></span> learned <span class="key aim"></span> target ${drawn ? html`<span class="key drawn"></span> v of its negative term` : ""}`}</p>
  </div>`;
}

/** @param {string} bits @param {number} others */
const nameOf = (bits, others) => (bits ? `v = ${bits}` : `the other ${grouped(others)} together`);

/** The same in numbers. @param {{run: import("../answers/set.js").Run}} props */
export function Numbers({ run: { target, now } }) {
  return html`<details class="numbers"><summary>All probabilities as numbers</summary>
    <div class="scroll" tabindex="0" role="region" aria-label="probabilities in numbers"><table class="rows" data-test="numbers">
      <thead><tr><th scope="col">v</th><th scope="col">target</th>${METHODS.map((m) => html`<th scope="col">${NAMES[m]}</th>`)}</tr></thead>
      <tbody>${target.patterns.map(
        (bits, n) => html`<tr key=${bits} data-test=${`numbers-${bits}`}><td class="bits-cell">${bits}</td><td class="num">${probability(target.target[n])}</td>
          ${METHODS.map((m) => html`<td class="num">${probability(now[m].probability[n])}</td>`)}</tr>`,
      )}
      ${target.not_shown > 0 &&
      html`<tr data-test="numbers-rest"><td>the other ${grouped(target.not_shown)}</td><td class="num">${probability(0)}</td>${METHODS.map((m) => html`<td class="num">${probability(now[m].others)}</td>`)}</tr>`}
      </tbody></table></div>
  </details>`;
}
