/** What has been learned: the three machines, and figures of theirs over the updates. */
import { Curve, fixed, grouped, html, indexed, probability, signed, useMemo } from "../ui.js";
import { METHODS, NAMES } from "../answers/set.js";

const FIGURES = /** @type {const} */ ([["log_likelihood", "log likelihood"], ["divergence", "KL from the target"], ["wrong_pixels", "wrong pixels"], ["flawless", "p(v\u2032 = v)"]]);
const SOURCES = {
  exact: "The negative term sums over every v with its probability p(v).",
  cd: "The negative term comes from chains that start at the data and make one sweep.",
  pcd: "The negative term comes from chains that continue from update to update.",
};

/** One of the three machines: its figures, its distribution and the target, its weights. */
export function Column(/** @type {ColumnProps} */ { run, method, at, onPoint }) {
  const now = run.now[method];
  const { target, state } = run;
  const largest = Math.max(1, ...METHODS.flatMap((m) => [...state.machines[m].weights.flat(), ...state.machines[m].a].map(Math.abs)));
  return html`<section class=${`card method ${method}`} data-test=${`method-${method}`} aria-label=${NAMES[method]}>
    <h3>${NAMES[method]}</h3>
    <p class="soft">${SOURCES[method]}</p>
    ${now.stopped && html`<p class="error" role="alert">${now.stopped}</p>`}
    <dl class="figures">${FIGURES.map(([key, label]) => html`<div><dt>${label}</dt><dd class="num" data-test=${`${method}-${key}`}>${fixed(now[key], 4)}</dd></div>`)}</dl>
    <${Distribution} run=${run} method=${method} at=${at} onPoint=${onPoint} />
    <${Filters} machine=${state.machines[method]} columns=${target.columns} largest=${largest} />
  </section>`;
}

/** p(v) as bars, the target as lines across them, the v of the last negative term as dots. */
function Distribution(/** @type {ColumnProps} */ { run, method, at, onPoint }) {
  const { target, now } = run;
  const { probability: p, others, drawn, drawn_others } = now[method];
  const top = Math.max(...target.target, ...METHODS.flatMap((m) => [...now[m].probability, ...(now[m].drawn ?? [])]));
  // The rest is a sum over many; its bar is cut off where it would make the others small.
  const high = (/** @type {number} */ share) => `${Math.min(100, (100 * share) / top)}%`;
  const rest = target.not_shown > 0;
  const bars = target.patterns.map((bits, n) => ({ bits, q: target.target[n], p: p[n], drawn: drawn && drawn[n] }));
  if (rest) bars.push({ bits: "", q: 0, p: others, drawn: drawn_others });
  const pointed = at && bars.find(({ bits }) => (bits || "others") === at);
  const likeliest = bars.reduce((best, bar) => (bar.p > best.p ? bar : best));
  return html`<div class="distribution" onPointerLeave=${() => onPoint("")} data-test=${`${method}-bars`}>
    <div class="bars" role="img" style=${bars.length > 16 ? "--n:8;--high:2.6rem;--wide:44px" : `--n:${bars.length};--wide:${bars.length > 8 ? 26 : 40}px`}
      aria-label=${`p(v) and the target. Most likely: ${nameOf(likeliest.bits, target.not_shown)} with ${probability(likeliest.p, 4)}. The table below has all numbers.`}>
      ${bars.map((bar) => html`<div key=${bar.bits} class=${pointed === bar ? "place lit" : "place"} data-share=${bar.p} onPointerEnter=${() => onPoint(bar.bits || "others")}>
        <span class="room"><span class=${bar.p > top ? "learned cut" : "learned"} style=${`height:${high(bar.p)}`}></span>
          ${bar.q > 0 && html`<span class="aim" style=${`bottom:${high(bar.q)}`}></span>`}
          ${bar.drawn !== null && bar.drawn > 0 && html`<span class="drawn" style=${`bottom:${high(bar.drawn)}`}></span>`}</span>
        ${bar.bits ? html`<${Tile} bits=${bar.bits} columns=${target.columns} />` : html`<span class="rest">rest<br />${fixed(100 * bar.p, 0)}%</span>`}
      </div>`)}
    </div>
    ${rest && html`<p class="strays soft">most likely others:${now[method].strays.map(({ bits, probability: share }) =>
      html` <span key=${bits}><${Tile} bits=${bits} columns=${target.columns} /> <span class="num">${probability(share, 3)}</span></span>`)}</p>`}
    <p class="pointed soft">${pointed
      ? html`${nameOf(pointed.bits, target.not_shown)}: target <span class="num">${probability(pointed.q, 4)}</span>, learned <span class="num">${probability(pointed.p, 4)}</span>${
          pointed.drawn === null ? "" : html`, drawn <span class="num">${probability(pointed.drawn, 3)}</span>`}`
      : html`<span class="key learned"></span> learned <span class="key aim"></span> target ${drawn ? html`<span class="key drawn"></span> v of its negative term` : ""}`}</p>
  </div>`;
}

const nameOf = (/** @type {string} */ bits, /** @type {number} */ others) => (bits ? `v = ${bits}` : `the other ${grouped(others)} together`);

/** The same in numbers. @param {{run: Run}} props */
export function Numbers({ run: { target, now } }) {
  return html`<details class="numbers"><summary>All probabilities as numbers</summary>
    <div class="scroll" tabindex="0" role="region" aria-label="probabilities in numbers"><table class="rows" data-test="numbers">
      <thead><tr><th scope="col">v</th><th scope="col">target</th>${METHODS.map((m) => html`<th scope="col">${NAMES[m]}</th>`)}</tr></thead>
      <tbody>${target.patterns.map((bits, n) => html`<tr key=${bits} data-test=${`numbers-${bits}`}><td class="bits-cell">${bits}</td><td class="num">${probability(target.target[n])}</td>
        ${METHODS.map((m) => html`<td class="num">${probability(now[m].probability[n])}</td>`)}</tr>`)}
      ${target.not_shown > 0 &&
      html`<tr data-test="numbers-rest"><td>the other ${grouped(target.not_shown)}</td><td class="num">${probability(0)}</td>${METHODS.map((m) => html`<td class="num">${probability(now[m].others)}</td>`)}</tr>`}
      </tbody></table></div>
  </details>`;
}

export function Tile(/** @type {{bits: string, columns: number}} */ { bits, columns }) {
  const rows = bits.length / columns;
  const on = [...bits].flatMap((bit, n) => (bit === "1" ? [`M${n % columns} ${Math.floor(n / columns)}h1v1h-1z`] : []));
  return html`<svg class="tile" viewBox=${`-0.06 -0.06 ${columns + 0.12} ${rows + 0.12}`} aria-hidden="true" style=${`aspect-ratio:${columns}/${rows}`}>
    <path class="paper" d=${`M0 0h${columns}v${rows}h-${columns}z`} />
    <path class="on" d=${on.join("")} />
    <path class="grid" d=${grid(columns, rows)} />
  </svg>`;
}

function grid(/** @type {number} */ columns, /** @type {number} */ rows) {
  const down = Array.from({ length: columns + 1 }, (_, x) => `M${x} 0v${rows}`);
  return [...down, ...Array.from({ length: rows + 1 }, (_, y) => `M0 ${y}h${columns}`)].join("");
}

/** Numbers as squares: their size says how large, full for positive and hollow for negative ones. */
function Squares(/** @type {{values: number[], columns: number, largest: number, name: string}} */ { values, columns, largest, name }) {
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

/** The weights of each hidden unit in the shape of the patterns, and the visible biases. */
export function Filters(/** @type {{machine: Machine, columns: number, largest: number}} */ { machine, columns, largest }) {
  const { weights, a, b } = machine;
  return html`<div class="filters" style=${columns === a.length ? "--least:3.6rem" : ""}>
    ${b.map((bias, j) => html`<figure key=${j}><${Squares} values=${weights.map((row) => row[j])} columns=${columns} largest=${largest} name=${`weights of ${indexed("h", j + 1)}`} />
      <figcaption title=${`bias ${indexed("b", j + 1)} = ${fixed(bias, 3)}`}>${indexed("h", j + 1)}</figcaption></figure>`)}
    <figure class="own"><${Squares} values=${a} columns=${columns} largest=${largest} name="visible biases a" /><figcaption>a</figcaption></figure>
  </div>`;
}

/** Smaller falls are the noise of few chains (nats). */
const NOTABLE = 0.3;

/** Likelihood, divergence and reconstruction error over the updates, and what they show. */
export function Curves(/** @type {{run: Run}} */ { run }) {
  const records = run.record;
  const best = useMemo(() => records.update.map(() => run.target.best), [records]);
  const of = (/** @type {Field} */ field) => METHODS.map((m) => ({ label: NAMES[m], values: records[m][field] }));
  return html`<div class="three">
      <div><h4>Log likelihood</h4>
        <${Curve} series=${[...of("log_likelihood"), { label: "best possible", values: best, width: 1 }]} x=${records.update} xLabel="updates" yLabel="nats" height=${215} test="curve-likelihood" /></div>
      <div><h4>KL divergence from the target</h4>
        <${Curve} series=${of("divergence")} x=${records.update} xLabel="updates" yLabel="nats, logarithmic" height=${215} log test="curve-divergence" /></div>
      <div><h4>Reconstruction error</h4>
        <${Curve} series=${of("wrong_pixels")} x=${records.update} xLabel="updates" yLabel=${`wrong pixels of ${run.target.visible}`} height=${215} test="curve-reconstruction" /></div>
    </div>
    <p class="line-key" aria-hidden="true">${METHODS.map((m) => html`<span><${Line} name=${m} />${NAMES[m]}</span>`)}<span><${Line} name="best" />best possible log likelihood</span></p>
    <${Seen} run=${run} />`;
}

/** The same line as in the curves. @param {{name: string}} props */
function Line({ name }) {
  return html`<svg class=${`line ${name}`} viewBox="0 0 34 8"><path d="M0 4h34" /></svg>`;
}

/** Who once had a higher likelihood than now, although more pixels were wrong then. */
function Seen(/** @type {{run: Run}} */ { run: { record, now, state } }) {
  const fallen = METHODS.flatMap((method) => {
    const likelihoods = record[method].log_likelihood.map((x) => x ?? -Infinity);
    const best = likelihoods.indexOf(Math.max(...likelihoods));
    const [then, wrongThen] = [likelihoods[best], record[method].wrong_pixels[best] ?? 0];
    const { log_likelihood, wrong_pixels } = now[method];
    if (log_likelihood >= then - NOTABLE || wrong_pixels >= wrongThen) return [];
    return html`<p key=${method}><strong>${NAMES[method]}</strong> was best at update ${grouped(record.update[best])}, with a log likelihood of <span class="num">${fixed(then, 3)}</span>.
      It has since fallen to <span class="num">${fixed(log_likelihood, 3)}</span>, while the reconstruction error fell from <span class="num">${fixed(wrongThen, 3)}</span> to <span class="num">${fixed(wrong_pixels, 3)}</span> pixels.</p>`;
  });
  if (state.update === 0) return html`<p class="seen soft">Nothing has been learned yet. Press play.</p>`;
  if (!fallen.length) return html`<p class="seen soft" data-test="seen">So far, the curves agree: the likelihood has risen as the reconstructions improved.</p>`;
  return html`<div class="seen" data-test="seen">${fallen}</div>`;
}
