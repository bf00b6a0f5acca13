/** Chapter 3: from samples to the table. A chain, its visits, many chains, and what to do when a chain is stuck. */
import { Card, Formula, grouped, html, isHeld, showSample, useCarried, useEffect, usePage } from "../ui.js";
import { runChain } from "../answers/chain.js";
import { Moves, Start, Sweeps, useExperiment } from "./chain-controls.js";
import { Distances } from "./chain-distance.js";
import { Many, Visits } from "./chain-visits.js";
import { ExchangeRule, Modes } from "./chain-modes.js";
import { Sample } from "./chain-sample.js";

export const chapter = { id: "chain", title: "The chain", Chapter: Chain };

function Chain() {
  const { state } = usePage();
  const experiment = useExperiment();
  return html`
    <p class="lead">The machine never looks at its table. It samples: each hidden unit given v, then each visible unit given h, back and forth.
      This is <strong>the chain</strong>. In the long run, it visits each configuration as often as the table says.</p>
    <div class="formulas"><${Formula} tex=${"p(h_j = 1 \\mid v) = \\frac{1}{1 + e^{-S_j/T}}, \\quad S_j = b_j + \\sum_i v_i w_{ij}"} />
      <${Formula} tex=${"p(v_i = 1 \\mid h) = \\frac{1}{1 + e^{-S_i/T}}, \\quad S_i = a_i + \\sum_j w_{ij} h_j"} /></div>
    ${isHeld(state.clamp) && html`<p class="soft" data-test="held-note">The chain in this chapter runs freely: units that are held in the network are sampled like all others.</p>`}
    <${One} experiment=${experiment} />
    <${Card} id="one-sample" />
    <${Card} id="chain-errors" />
    <h3 class="part">Many chains</h3>
    <p>One chain shows its distribution only over time. A thousand chains with the same start and independent random numbers show it at once: after each sweep,
      the fraction of chains at v estimates the probability of v at that moment.</p>
    <p>At first, all of them remember the start. Once it is forgotten, they are as good as independent draws from the table: their distance stays at that of
      such draws, and only more chains would lower it. The lecture\u2019s machine forgets within a few sweeps; for one that takes hundreds, try the example \u201ctwo modes\u201d in the machine panel.</p>
    <${Many} experiment=${experiment} />
    <h3 class="part">Cold chains</h3>
    <p>At low temperature, the energy has deep valleys, and each unit almost always takes the same value. To leave a valley, several units would have to take improbable
      values at once. The chain looks converged, and misses the rest of the distribution.</p>
    <p>The remedy is <strong>parallel tempering</strong>. The same machine runs at several temperatures, the highest being infinite, where all configurations are equally likely. After each sweep,
      neighboring temperatures a and b may exchange their vectors. With F the free energy at a rung\u2019s own temperature, an exchange is accepted with probability</p>
    <${ExchangeRule} />
    <p>This rule leaves the distribution at each temperature unchanged. Modes found at high temperature travel down to low temperature. A step of the ladder costs one sweep
      for each temperature.</p>
    <${Card} id="chain-modes" />
    <${Modes} experiment=${experiment} />
  `;
}

/** The chain itself, unit by unit or by thousands of sweeps, and its visits. @param {{experiment: Experiment}} props */
function One({ experiment }) {
  const { distribution } = experiment;
  const moved = useCarried(experiment, (/** @type {Chain | null} */ now, what) => runChain(experiment, now, what), { piece: 500 });
  const chain = moved.now;
  const { v, h, half } = chain.chain;
  useEffect(() => {
    // The network beside shows where the chain is.
    showSample(half ? { v, h: h ?? "" } : null);
    return () => showSample(null);
  }, [v, h, half]);
  return html`<section class="card one">
    <div class="card-head"><h3>Sample by sample</h3><span class="soft num" data-test="sweeps" data-sweeps=${chain.sweeps}>${grouped(chain.sweeps)} ${chain.sweeps === 1 ? "sweep" : "sweeps"}</span></div>
    <${Moves} moved=${moved} by=${[1, 100, 10_000]} half test="chain" />
    <div class="pair">
      <${Sample} chain=${chain} still=${moved.playing} />
      <${Distances} test="chain-distance" lines=${[
        { label: "this chain", x: chain.distance.sweeps, y: chain.distance.chain, now: chain.now },
        { label: "the same number of independent draws, expected", x: chain.distance.sweeps, y: chain.distance.draws, now: chain.expected, dash: "2 3", tone: "three" },
      ]} />
    </div>
    <${Start} />
    <p class="soft">u is drawn uniformly from 0 to 1; the unit is on if u is below p, in the shaded part. Click any p to see how it is computed. The total variation distance is half the
      sum of |frequency \u2212 probability| over all rows: no event\u2019s probability is off by more than this.</p>
  </section>
  <${Visits} distribution=${distribution} chain=${chain} />
  <p>Successive configurations are correlated, so n visits are worth less than n independent draws. The standard errors above account for this: they are
    computed from the exact transition probabilities, for a chain that has forgotten its start. This chain takes about
    ${" "}<span data-test="relaxation"><${Sweeps} sweeps=${distribution.relaxation} /></span> to forget it.${chain.sweeps > 0 && (distribution.relaxation === null || distribution.relaxation > chain.sweeps) ? " It has not run that long yet: all its visits together say little more than one draw." : ""}</p>`;
}
