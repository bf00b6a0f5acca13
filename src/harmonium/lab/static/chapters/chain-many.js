/** Many chains with the same start and independent random numbers: they show the distribution itself at every sweep. */
import { useMemo } from "preact/hooks";
import { html } from "../html.js";
import { fixed, grouped } from "../format.js";
import { runMany } from "../answers/chain.js";
import { usePage } from "../page.js";
import { Choice } from "../ui/controls.js";
import { useCarried } from "../ui/carried.js";
import { Cells } from "./chain-cells.js";
import { Moves } from "./chain-controls.js";
import { Distances } from "./chain-distance.js";
import { Rows } from "./chain-visits.js";

const COUNTS = [1, 10, 100, 1000];
const COLUMNS = { 1: 1, 10: 10, 100: 20, 1000: 50 };
const CELL = 12;

/** @param {{experiment: import("../answers/chain.js").Experiment}} props */
export function Many({ experiment }) {
  const { setting, changeSetting } = usePage();
  const { distribution } = experiment;
  const asked = Number(setting("chain", "chains", 1000));
  const chains = /** @type {1 | 10 | 100 | 1000} */ (COUNTS.includes(asked) ? asked : 1000);
  const key = useMemo(() => ({ ...experiment, chains }), [experiment, chains]);
  const moved = useCarried(key, (/** @type {import("../answers/chain.js").Crowd | null} */ now, sweeps) => runMany(experiment, chains, now, sweeps), { piece: 2 });
  const crowd = moved.now;
  const columns = COLUMNS[chains];
  const of = chains === 1 ? "the chain" : `${grouped(chains)} chains`;
  return html`<section class="card many">
    <div class="card-head"><h3>Many chains, after ${grouped(crowd.made)} ${crowd.made === 1 ? "sweep" : "sweeps"}</h3>
      <${Choice} label="chains" value=${chains} options=${COUNTS.map((n) => [n, grouped(n)])} onChange=${(/** @type {number} */ n) => changeSetting("chain", { chains: n })} test="chains" /></div>
    <${Moves} moved=${moved} by=${[1, 10, 100]} test="many" />
    <div class="pair">
      <figure><${Cells} values=${crowd.on} columns=${columns} rows=${chains / columns} cell=${CELL} gap=${chains === 1 ? 0 : 2} test="crowd"
        label=${`${of}, one cell each. On average, a fraction of ${fixed(mean(crowd.on), 3)} of the visible units is on.`} />
        <figcaption class="soft">One cell is one chain now: the darker, the more of its visible units are on. The first is the chain above.</figcaption></figure>
      <${Distances} least=${100} test="many-distance" lines=${[
        { label: `${of} now`, x: crowd.distance.sweeps, y: crowd.distance.chain, now: crowd.now },
        { label: "distribution of one chain, exact", x: crowd.distance.sweeps, y: crowd.distance.exact, now: crowd.exact, dash: "7 4", tone: "two", leaves: true },
        { label: `${grouped(chains)} independent ${chains === 1 ? "draw" : "draws"}, expected`, x: [1, Math.max(100, crowd.made)], y: [crowd.expected, crowd.expected], now: crowd.expected, dash: "2 3", tone: "three" },
      ]} />
    </div>
    <${Rows} v=${distribution.visible.states} p=${distribution.visible.probability} found=${crowd.visible} word="chains" test="many-v" />
  </section>`;
}

/** @param {number[]} values */
const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
