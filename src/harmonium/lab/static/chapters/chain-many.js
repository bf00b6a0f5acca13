/** Many chains with the same start and independent random numbers: they show the distribution itself at every sweep. */
import { html } from "../html.js";
import { fixed, grouped } from "../format.js";
import { usePage } from "../page.js";
import { Choice } from "../ui/controls.js";
import { joined, useCarried, useStart } from "./chain-carried.js";
import { Cells } from "./chain-cells.js";
import { Moves } from "./chain-controls.js";
import { Distances } from "./chain-distance.js";
import { Rows } from "./chain-visits.js";

const COUNTS = [1, 10, 100, 1000];
const COLUMNS = { 1: 1, 10: 10, 100: 20, 1000: 50 };
const CELL = 12;

/** @typedef {import("./chain-carried.js").Distance} Distance */
/** @typedef {{states: number[], made: number, on: number[], visible: import("./chain-visits.js").Found, upper: number, now: number, law: number,
 *   expected: number, distance: Distance}} Crowd */

/** @param {{law: import("./chain-carried.js").Law}} props */
export function Many({ law }) {
  const { state, ask, machineParams, setting, changeSetting } = usePage();
  const { start, key } = useStart();
  const asked = Number(setting("chain", "chains", 1000));
  const chains = /** @type {1 | 10 | 100 | 1000} */ (COUNTS.includes(asked) ? asked : 1000);
  /** @param {Crowd | null} now @param {number} sweeps @returns {Promise<Crowd>} */
  const advance = async (now, sweeps) => {
    const answer = await ask("chain.many", { ...machineParams(), seed: state.seed, start, chains, states: now?.states ?? null, made: now?.made ?? 0, sweeps });
    return { ...answer, distance: joined(now?.distance, answer.distance) };
  };
  const moved = useCarried(`${key},${chains}`, advance, 0, 1);
  const crowd = moved.now && moved.now.states.length === chains && moved.now.visible.frequency.length === law.visible.states.length ? moved.now : null;
  const columns = COLUMNS[chains];
  const of = chains === 1 ? "the chain" : `${grouped(chains)} chains`;
  return html`<section class="card many">
    <div class="card-head"><h3>Many chains, after ${grouped(crowd?.made ?? 0)} ${crowd?.made === 1 ? "sweep" : "sweeps"}</h3>
      <${Choice} label="chains" value=${chains} options=${COUNTS.map((n) => [n, grouped(n)])} onChange=${(/** @type {number} */ n) => changeSetting("chain", { chains: n })} test="chains" /></div>
    <${Moves} moved=${moved} by=${[1, 10, 100]} test="many" />
    <div class="pair">
      <figure><${Cells} values=${crowd?.on ?? []} columns=${columns} rows=${chains / columns} cell=${CELL} gap=${chains === 1 ? 0 : 2} test="crowd"
        label=${`${of}, one cell each. On average, a fraction of ${fixed(mean(crowd?.on ?? []), 3)} of the visible units is on.`} />
        <figcaption class="soft">One cell is one chain now: the darker, the more of its visible units are on. The first is the chain above.</figcaption></figure>
      <${Distances} least=${100} test="many-distance" lines=${[
        { label: `${of} now`, x: crowd?.distance.sweeps ?? [], y: crowd?.distance.chain ?? [], now: crowd?.now },
        { label: "distribution of one chain, exact", x: crowd?.distance.sweeps ?? [], y: crowd?.distance.law ?? [], now: crowd?.law, dash: "7 4", tone: "two", leaves: true },
        { label: `${grouped(chains)} independent ${chains === 1 ? "draw" : "draws"}, expected`, x: crowd ? [1, Math.max(100, crowd.made)] : [], y: crowd ? [crowd.expected, crowd.expected] : [], now: crowd?.expected, dash: "2 3", tone: "three" },
      ]} />
    </div>
    <${Rows} v=${law.visible.states} p=${law.visible.probability} found=${crowd?.visible} word="chains" test="many-v" />
  </section>`;
}

/** @param {number[]} values */
const mean = (values) => (values.length ? values.reduce((a, b) => a + b, 0) / values.length : null);
