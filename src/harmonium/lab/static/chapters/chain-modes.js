/** A cold machine with two modes: Gibbs sampling stays in one of them, parallel tempering finds both. */
import { Button, Cells, Choice, fixed, grouped, html, plain, useCarried, useMemo, twoModes, usePage } from "../ui.js";
import { RECENT, runChain, runLadder } from "../answers/chain.js";
import { Distances, Moves, Sweeps } from "./chain-moves.js";

const RUNGS = [2, 4, 6, 8];

export function Modes(/** @type {{experiment: Experiment}} */ { experiment }) {
  const { state, change, setting, changeSetting } = usePage();
  const { distribution, start } = experiment;
  const rungs = setting("chain", "rungs", 6, RUNGS);
  const key = useMemo(() => ({ ...experiment, rungs }), [experiment, rungs]);
  const moved = useCarried(key, (/** @type {GibbsAndLadder | null} */ now, sweeps) => ({
    gibbs: runChain(experiment, now?.gibbs ?? null, sweeps),
    ladder: runLadder(experiment, rungs, now?.ladder ?? null, sweeps),
  }), { piece: 50 });
  const both = moved.now;
  // The second mode, all on, is about twice as probable.
  const load = () => change({ ...twoModes(-3.95, 0.3), settings: { ...state.settings, chain: { ...state.settings.chain, start: "0000" } } });
  const slow = distribution.relaxation === null || distribution.relaxation > 1000;
  return html`<section class="card modes">
    <div class="card-head"><h3>Gibbs sampling and tempering, side by side</h3>
      <${Choice} label="temperatures" value=${rungs} options=${RUNGS.map((n) => [n, n])} onChange=${(/** @type {number} */ n) => changeSetting("chain", { rungs: n })} test="rungs" /></div>
    <p><${Button} primary=${!slow} onClick=${load} test="two-modes">load two cold modes<//> <span class="soft load-said">${slow
      ? html`At T = ${plain(state.temperature)} a Gibbs chain of this machine forgets its start in <strong data-test="forgets"><${Sweeps} sweeps=${distribution.relaxation} /></strong>.`
      : html`The present machine is an easy one: its chain forgets its start in about <span data-test="forgets"><${Sweeps} sweeps=${distribution.relaxation} /></span>. Load a hard one.`}</span></p>
    <${Moves} moved=${moved} by=${[1, 100, 10_000]} unit="step" test="modes" />
    <${Past} name="Gibbs" visits=${both.gibbs} units=${start.length} rest=${distribution.h.length} test="past-gibbs" />
    <${Past} name="tempering" visits=${both.ladder} units=${start.length} rest=${distribution.h.length} test="past-tempering" />
    <p class="soft">Each column is a sweep, each row a visible unit, filled where it is on. The last ${RECENT} sweeps are shown.</p>
    <div class="pair">
      <${Ladder} tempered=${both.ladder} />
      <div><${Shares} distribution=${distribution} both=${both} />
      <${Distances} height=${190} test="modes-distance" lines=${[
        { label: "Gibbs", x: both.gibbs.distance.sweeps, y: both.gibbs.distance.chain, now: both.gibbs.now, dash: "7 4", tone: "two" },
        { label: "tempering", x: both.ladder.distance.sweeps, y: both.ladder.distance.chain, now: both.ladder.now },
        { label: "independent draws, expected", x: both.ladder.distance.sweeps, y: both.ladder.distance.draws, now: both.ladder.expected, dash: "2 3", tone: "three" },
      ]} /></div>
    </div>
  </section>`;
}

/** The visible units over the latest sweeps. @param {{name: string, visits: Visits, units: number, rest: number, test: string}} props
 *   `rest`: rows of the whole table, of which every v has the same number */
function Past({ name, visits, units, rest, test }) {
  const width = rest >> units;
  const values = visits.recent.flatMap((n) => Array.from({ length: units }, (_, i) => (Math.floor(n / width) >> (units - 1 - i)) & 1));
  return html`<figure class="past"><figcaption>${name}</figcaption>
    <${Cells} values=${values} columns=${RECENT} rows=${units} cell=${4} down test=${test} label=${`${name}: the visible units in the last ${visits.recent.length} sweeps`} /></figure>`;
}

function Shares(/** @type {{distribution: Distribution, both: GibbsAndLadder}} */ { distribution, both }) {
  const row = (/** @type {string} */ name, /** @type {Visits} */ found, /** @type {string} */ test) => html`<tr data-test=${test} data-sweeps=${found.sweeps} data-upper=${found.upper} data-crossings=${found.crossings}>
    <th scope="row">${name}</th><td class="num">${found.sweeps ? fixed(found.upper, 4) : "\u2013"}</td><td class="num">${found.sweeps ? grouped(found.crossings) : "\u2013"}</td></tr>`;
  return html`<table class="shares">
    <thead><tr><td></td><th scope="col">share with most units on</th><th scope="col">crossings</th></tr></thead>
    <tbody><tr data-test="share-exact" data-upper=${distribution.upper}><th scope="row">exact</th><td class="num">${fixed(distribution.upper, 4)}</td><td></td></tr>
      ${row("Gibbs", both.gibbs, "share-gibbs")}${row("tempering", both.ladder, "share-tempering")}</tbody></table>
    <p class="soft">The share of sweeps with more than half of the visible units on, and how often that changed.</p>`;
}

/** The rungs from infinite temperature down to the machine's own, and the exchanges between them. @param {{tempered: Tempered}} props */
function Ladder({ tempered }) {
  const { at, acceptance, round_trips: trips, steps } = tempered.ladder;
  const last = at.length - 1;
  return html`<div><ol class="ladder" aria-label="the ladder of temperatures" data-test="ladder">
    ${at.map((v, n) => {
      const T = tempered.temperature[n];
      const tried = tempered.exchanges.find(({ rung }) => rung === n);
      return html`<li data-test=${`rung-${n}`}><span class="rung"><span class="rung-T">T = ${T === null ? "\u221e" : plain(T, 2)}</span>
          <span class="rung-bits" aria-label=${`v = ${v}`} role="img">${[...v].map((bit) => html`<span class=${bit === "1" ? "on" : ""}>${bit}</span>`)}</span>
          ${n === last ? html`<span class="soft">counted</span>` : n === 0 ? html`<span class="soft">uniform</span>` : ""}</span>
        ${n < last && html`<span class=${`exchange${tried?.exchanged ? " done" : ""}`} data-test=${`exchange-${n}`}>
          <span aria-hidden="true">${tried?.exchanged ? "\u21c5" : "\u00b7"}</span>
          <span class="num">${tried ? `p ${fixed(tried.chance, 4)}, u ${fixed(tried.drawn, 4)}: ${tried.exchanged ? "exchanged" : "kept"}` : steps ? "not tried this step" : "not tried yet"}</span>
          <span class="soft num">${steps ? `${Math.round(100 * acceptance[n])}%` : ""}</span></span>`}</li>`;
    })}
  </ol>
  <p class="soft">Between two temperatures: the probability p of an exchange and the random number u; on the right, the recent acceptance. Round trips from the lowest temperature to the highest and back: ${grouped(trips)}.</p></div>`;
}
