/** How often the chain visited each row, compared with the exact probability: as a table of bars, and as maps where there are many rows. */
import { useMemo, useState } from "preact/hooks";
import { commandText } from "../answers/machine.js";
import { html } from "../html.js";
import { fixed, grouped, probability } from "../format.js";
import { usePage } from "../page.js";
import { Bar } from "../ui/bars.js";
import { Choice } from "../ui/controls.js";
import { useStart } from "./chain-start.js";
import { Cells } from "./chain-cells.js";

const MOST_ROWS = 64;
const SHOWN_OF_MANY = 24;

/** @typedef {import("../answers/chain.js").Distribution} Distribution */
/** @typedef {import("../answers/chain.js").Found} Found */

/** Visits to configurations, or to v alone. @param {{distribution: Distribution, chain: import("../answers/chain.js").Chain}} props */
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
  const left = cut ? { p: sum(p, shown), f: found ? sum(found.frequency, shown) : null } : null;
  return html`<div class="scroll tall" tabindex="0" role="group" aria-label=${`${word} compared with probabilities`}><table class="rows" data-test=${test} onPointerLeave=${() => setHover(null)}>
    <thead><tr><th scope="col">v</th>${h && html`<th scope="col">h</th>`}<th scope="col">p</th><th scope="col">${word}</th><th scope="col" class="wide-only" title="standard error">\u00b1</th>
      <th scope="col" class="wide-only"><span class="hidden">deviation in standard errors</span><span aria-hidden="true">z</span></th><th scope="col"><span class="hidden">bar</span></th></tr></thead>
    <tbody>${shown.map((n, place) => {
      const [f, e] = [found?.frequency[n] ?? null, found?.error?.[n] ?? null];
      const lit = here && here.v === v[n] && (!h || !here.h || here.h === h[n]);
      return html`<tr key=${n} class=${`${lit ? "lit" : ""}${!cut && h && place > 0 && v[n] !== v[n - 1] ? " first" : ""}`} data-test=${`${test}-${v[n]}${h ? `-${h[n]}` : ""}`}
        data-f=${f} data-e=${e} data-p=${p[n]} onPointerEnter=${() => setHover(h ? { v: v[n], h: h[n] } : { v: v[n] })}>
        <td class="bits-cell">${v[n]}</td>${h && html`<td class="bits-cell">${h[n]}</td>`}
        <td class="num">${probability(p[n], 4)}</td><td class="num">${f === null ? "\u2013" : fixed(f, 4)}</td>
        <td class="num wide-only">${e === null ? "\u2013" : probability(e, 4)}</td><td class="num wide-only">${off(found?.deviation?.[n])}</td>
        <td class="bar-cell"><${Bar} share=${f === null ? 0 : f / largest} mark=${p[n] / largest} error=${f === null || e === null ? null : e / largest} /></td></tr>`;
    })}</tbody></table></div>
    ${left && html`<p class="soft">The ${SHOWN_OF_MANY} most probable of ${grouped(p.length)} rows; their total probability is ${fixed(left.p, 4)}${left.f === null ? "" : `, their share of the visits ${fixed(left.f, 4)}`}.</p>`}`;
}

/** @param {number | null | undefined} z */
const off = (z) => (z && z >= 0.05 ? "+" : "") + fixed(z, z && Math.abs(z) >= 100 ? 0 : 1);

/** @param {number[]} values @param {number[]} places */
const sum = (values, places) => places.reduce((total, n) => total + values[n], 0);

/** @param {{distribution: Distribution, chain: Found | null | undefined}} props */
function Maps({ distribution, chain }) {
  const rows = distribution.visible.states.length;
  const columns = distribution.v.length / rows;
  const largest = Math.max(...distribution.probability, ...(chain?.frequency ?? []));
  const shade = (/** @type {number[]} */ values) => values.map((x) => Math.sqrt(x / largest));
  return html`<div class="pair maps">
    <figure><${Cells} values=${chain ? shade(chain.frequency) : []} columns=${columns} rows=${rows} label=${`Visits as a map of ${rows} v by ${columns} h`} test="map-visits" /><figcaption class="soft">visits</figcaption></figure>
    <figure><${Cells} values=${shade(distribution.probability)} columns=${columns} rows=${rows} label=${`Probabilities as a map of ${rows} v by ${columns} h`} /><figcaption class="soft">exact</figcaption></figure>
  </div><p class="soft">v down, h across. The shade is the square root of the frequency, so that rare rows are visible too.</p>`;
}
