/** How often a chain visited each row, compared with the exact probability, and many chains, which show the distribution itself at every sweep. */
import { Bar, Cells, Choice, fixed, grouped, html, probability, useCarried, useMemo, usePage, useState } from "../ui.js";
import { commandText } from "../answers/machine.js";
import { runMany } from "../answers/chain.js";
import { Distances, Moves, useStart } from "./chain-moves.js";

const MOST_ROWS = 64;
const SHOWN_OF_MANY = 24;
const COUNTS = [1, 10, 100, 1000];
const COLUMNS = { 1: 1, 10: 10, 100: 20, 1000: 50 };

/** Visits to configurations, or to v alone. @param {{distribution: Distribution, chain: Chain}} props */
export function Visits({ distribution, chain }) {
  const { setting, changeSetting } = usePage();
  const of = setting("chain", "count", "joint") === "v" ? "v" : "joint";
  const { sweeps } = chain;
  const at = chain.chain.half ? chain.chain : null;
  const many = of === "joint" && distribution.v.length > MOST_ROWS;
  return html`<section class="card visits">
    <div class="card-head"><h3>Visits in ${grouped(sweeps)} ${sweeps === 1 ? "sweep" : "sweeps"}, compared with the exact table</h3>
      <${Choice} label="count" value=${of} options=${[["joint", "pairs v, h"], ["v", "v alone"]]} onChange=${(/** @type {string} */ x) => changeSetting("chain", { count: x })} test="count" /></div>
    ${of === "v"
      ? html`<${Rows} v=${distribution.visible.states} p=${distribution.visible.probability} found=${sweeps ? chain.visible : null} at=${at} />`
      : html`<${Rows} v=${distribution.v} h=${distribution.h} p=${distribution.probability} found=${sweeps ? chain : null} at=${at} />`}
    ${many && html`<${Maps} distribution=${distribution} chain=${sweeps ? chain : null} />`}
    <p class="soft">Bars: frequency of visits. Ticks: exact probability. Lines at the end of a bar: plus and minus one standard error<span class="wide-only">;
      z is the deviation in standard errors</span>.</p>
    ${sweeps > 0 && html`<${Terminal} key=${`${sweeps}`} sweeps=${sweeps} />`}
  </section>`;
}

/** The command that makes the same visits. @param {{sweeps: number}} props */
function Terminal({ sweeps }) {
  const { state } = usePage();
  const { start } = useStart();
  const [open, setOpen] = useState(false);
  if (!open) return html`<p class="soft"><button type="button" class="link" onClick=${() => setOpen(true)} data-test="terminal">command that reproduces this run</button></p>`;
  return html`<pre class="terminal" data-test="terminal-text" tabindex="0">${`${commandText(state.machine, state.temperature, "chain")} --start ${start} --sweeps ${sweeps} --seed ${state.seed}`}</pre>`;
}

/** @param {{v: string[], h?: string[], p: number[], found: Found | null | undefined,
 *   at?: {v: string, h: string | null} | null, word?: string, test?: string}} props at: the row where a chain is */
export function Rows({ v, h, p, found, at = null, word = "visits", test = h ? "visits" : "visits-v" }) {
  const { hover, setHover } = usePage();
  const here = hover ?? at;
  const cut = p.length > MOST_ROWS;
  const shown = useMemo(() => {
    const numbers = p.map((_, n) => n);
    return cut ? numbers.sort((m, n) => p[n] - p[m]).slice(0, SHOWN_OF_MANY) : numbers;
  }, [p]);
  const largest = Math.max(...p, ...(found?.frequency ?? []));
  const sum = (/** @type {number[]} */ values) => shown.reduce((total, n) => total + values[n], 0);
  return html`<div class="scroll tall" tabindex="0" role="group" aria-label=${`${word} compared with probabilities`}><table class="rows" data-test=${test} onPointerLeave=${() => setHover(null)}>
    <thead><tr><th scope="col">v</th>${h && html`<th scope="col">h</th>`}<th scope="col">p</th><th scope="col">${word}</th><th scope="col" class="wide-only" title="standard error">\u00b1</th>
      <th scope="col" class="wide-only"><span class="hidden">deviation in standard errors</span><span aria-hidden="true">z</span></th><th scope="col"><span class="hidden">bar</span></th></tr></thead>
    <tbody>${shown.map((n, place) => {
      const [f, e] = [found?.frequency[n], found?.error?.[n] ?? null];
      const lit = here && here.v === v[n] && (!h || !here.h || here.h === h[n]);
      return html`<tr key=${n} class=${`${lit ? "lit" : ""}${!cut && h && place > 0 && v[n] !== v[n - 1] ? " first" : ""}`} data-test=${`${test}-${v[n]}${h ? `-${h[n]}` : ""}`}
        data-f=${f} data-e=${e} data-p=${p[n]} onPointerEnter=${() => setHover(h ? { v: v[n], h: h[n] } : { v: v[n] })}>
        <td class="bits-cell">${v[n]}</td>${h && html`<td class="bits-cell">${h[n]}</td>`}
        <td class="num">${probability(p[n], 4)}</td><td class="num">${fixed(f, 4)}</td>
        <td class="num wide-only">${probability(e, 4)}</td><td class="num wide-only">${off(found?.deviation?.[n])}</td>
        <td class="bar-cell"><${Bar} share=${(f ?? 0) / largest} mark=${p[n] / largest} error=${e && e / largest} /></td></tr>`;
    })}</tbody></table></div>
    ${cut && html`<p class="soft">The ${SHOWN_OF_MANY} most probable of ${grouped(p.length)} rows; their total probability is ${fixed(sum(p), 4)}${found ? `, their share of the visits ${fixed(sum(found.frequency), 4)}` : ""}.</p>`}`;
}

const off = (/** @type {number | null | undefined} */ z) => (z && z >= 0.05 ? "+" : "") + fixed(z, z && Math.abs(z) >= 100 ? 0 : 1);

function Maps(/** @type {{distribution: Distribution, chain: Found | null | undefined}} */ { distribution, chain }) {
  const rows = distribution.visible.states.length;
  const columns = distribution.v.length / rows;
  const largest = Math.max(...distribution.probability, ...(chain?.frequency ?? []));
  const shade = (/** @type {number[]} */ values) => values.map((x) => Math.sqrt(x / largest));
  return html`<div class="pair maps">
    <figure><${Cells} values=${chain ? shade(chain.frequency) : []} columns=${columns} rows=${rows} label=${`Visits as a map of ${rows} v by ${columns} h`} test="map-visits" /><figcaption class="soft">visits</figcaption></figure>
    <figure><${Cells} values=${shade(distribution.probability)} columns=${columns} rows=${rows} label=${`Probabilities as a map of ${rows} v by ${columns} h`} /><figcaption class="soft">exact</figcaption></figure>
  </div><p class="soft">v down, h across. The shade is the square root of the frequency, so that rare rows are visible too.</p>`;
}

/** Many chains with the same start and independent random numbers. */
export function Many(/** @type {{experiment: Experiment}} */ { experiment }) {
  const { setting, changeSetting } = usePage();
  const { distribution } = experiment;
  const chains = /** @type {1 | 10 | 100 | 1000} */ (setting("chain", "chains", 1000, COUNTS));
  const key = useMemo(() => ({ ...experiment, chains }), [experiment, chains]);
  const moved = useCarried(key, (/** @type {Crowd | null} */ now, sweeps) => runMany(experiment, chains, now, sweeps), { piece: 2 });
  const crowd = moved.now;
  const columns = COLUMNS[chains];
  const of = chains === 1 ? "the chain" : `${grouped(chains)} chains`;
  return html`<section class="card many">
    <div class="card-head"><h3>Many chains, after ${grouped(crowd.made)} ${crowd.made === 1 ? "sweep" : "sweeps"}</h3>
      <${Choice} label="chains" value=${chains} options=${COUNTS.map((n) => [n, grouped(n)])} onChange=${(/** @type {number} */ n) => changeSetting("chain", { chains: n })} test="chains" /></div>
    <${Moves} moved=${moved} by=${[1, 10, 100]} test="many" />
    <div class="pair">
      <figure><${Cells} values=${crowd.on} columns=${columns} rows=${chains / columns} cell=${12} gap=${chains === 1 ? 0 : 2} test="crowd"
        label=${`${of}, one cell each. On average, a fraction of ${fixed(crowd.on.reduce((a, b) => a + b) / chains, 3)} of the visible units is on.`} />
        <figcaption class="soft">One cell is one chain now: the darker, the more of its visible units are on. The first is the chain above.</figcaption></figure>
      <${Distances} test="many-distance" lines=${[
        { label: `${of} now`, x: crowd.distance.sweeps, y: crowd.distance.chain, now: crowd.now },
        { label: "distribution of one chain, exact", x: crowd.distance.sweeps, y: crowd.distance.exact, now: crowd.exact, dash: "7 4", tone: "two", leaves: true },
        { label: `${grouped(chains)} independent ${chains === 1 ? "draw" : "draws"}, expected`, x: [1, Math.max(100, crowd.made)], y: [crowd.expected, crowd.expected], now: crowd.expected, dash: "2 3", tone: "three" },
      ]} />
    </div>
    <${Rows} v=${distribution.visible.states} p=${distribution.visible.probability} found=${crowd.visible} word="chains" test="many-v" />
  </section>`;
}
