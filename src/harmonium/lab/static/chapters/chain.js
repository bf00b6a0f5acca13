/** Chapter 3: from coins to the table. A chain, its visits, many chains, and what to do when a chain is stuck. */
import { useEffect } from "preact/hooks";
import { html } from "../html.js";
import { grouped } from "../format.js";
import { usePage } from "../page.js";
import { Error } from "../ui/controls.js";
import { Formula } from "../ui/formula.js";
import { Task } from "../ui/task.js";
import { useChain, useLaw, useStart, useWarm } from "./chain-carried.js";
import { Moves, Start, Sweeps } from "./chain-controls.js";
import { Distances } from "./chain-distance.js";
import { Many } from "./chain-many.js";
import { ExchangeRule, Modes } from "./chain-modes.js";
import { Toss } from "./chain-toss.js";
import { Visits } from "./chain-visits.js";

export const chapter = { id: "chain", title: "The chain", Chapter: Chain };

function Chain() {
  const { state } = usePage();
  const { law, error } = useLaw();
  useWarm(law !== null);
  const held = [...state.clamp.v, ...state.clamp.h].some((x) => x !== null);
  return html`
    <p class="lead">The machine never looks at its table. It tosses coins. Given v, every hidden unit is tossed by itself; given h, every visible one.
      Back and forth, this is <strong>the chain</strong>, and the configurations it passes through occur as often as the table says.</p>
    <div class="formulas"><${Formula} tex=${"p(h_j = 1 \\mid v) = \\frac{1}{1 + e^{-S_j/T}}, \\quad S_j = b_j + \\sum_i v_i w_{ij}"} />
      <${Formula} tex=${"p(v_i = 1 \\mid h) = \\frac{1}{1 + e^{-S_i/T}}, \\quad S_i = a_i + \\sum_j w_{ij} h_j"} /></div>
    ${held && html`<p class="soft" data-test="held-note">The chain of this chapter runs free: units that are held in the network are tossed like the others.</p>`}
    ${error && html`<${Error}>${error}<//>`}
    <${One} law=${law} />
    <${Task} id="chain-errors" kind="choice" question="A chain has made 100 sweeps and is at some distance from the table. How far will it be after 10\u202f000?"
      options=${[["same", "as far"], ["ten", "about ten times closer"], ["hundred", "a hundred times closer"]]} check=${(/** @type {string} */ x) => x === "ten"}
      hint="Press \u00d7100, look at the distance, then \u00d710\u202f000." answer=${html`<p>About ten times closer. The error of a frequency falls as one over the square root of the number of visits,
        so ten times the accuracy costs a hundred times the sweeps. On the plot above this is a straight line.</p>`} />
    <h3 class="part">Many chains</h3>
    <p>One chain shows its distribution only over time. A thousand chains, all started alike and each with its own coins, show it at once: after every sweep,
      the share of chains that are at v is an estimate of its probability then.</p>
    <p>At first all of them remember the start. Once that is forgotten they are as good as independent draws from the table: their distance stays at what
      such draws have, and only more chains would lower it. The lecture\u2019s machine forgets within a few sweeps; try <em>two modes</em> beside for one that takes hundreds.</p>
    ${law && html`<${Many} law=${law} />`}
    <h3 class="part">Cold chains</h3>
    <p>Low temperature makes deep valleys of energy, and coins that almost always fall one way. A chain in one valley would have to toss several of them
      against the odds at once to reach another. It reports what it sees, with every appearance of convergence, and misses the rest.</p>
    <p>The remedy is <strong>parallel tempering</strong>. The same machine is run at several temperatures up to the infinite, where all coins are fair. After each sweep,
      neighbours a and b may exchange their vectors, by one more coin. With F the free energy of the machine at a rung\u2019s own temperature, its chance is</p>
    <${ExchangeRule} />
    <p>This rule leaves the distribution of every rung as it is. What is found where it is hot travels down to where it is cold. A step of the ladder costs a sweep
      for each rung.</p>
    <${Task} id="chain-modes" kind="choice" question=${html`Load the two cold modes below. All off has a probability of about \u2153, all on of about \u2154. Started at all off, where will 10\u202f000 sweeps of Gibbs sampling
      be counted?`} options=${[["third", "\u2153 and \u2154"], ["half", "half and half"], ["stuck", "all of them in the half with few units on"]]} check=${(/** @type {string} */ x) => x === "stuck"}
      hint="How long does this chain take to forget its start?" answer=${html`<p>None of them reaches the other mode. At least two of four hidden units would have to turn on in one half-step, each with a chance of
        two in a million. The frequencies look settled, and are wrong; on the ladder, the same number of steps finds both modes.</p>`} />
    ${law && html`<${Modes} law=${law} />`}
  `;
}

/** The chain itself, coin by coin or by thousands, and its visits. @param {{law: import("./chain-carried.js").Law | null}} props */
function One({ law }) {
  const { setHover } = usePage();
  const { start } = useStart();
  // The network beside shows where the chain is.
  const moved = useChain(({ chain: { v, h } }) => setHover(h === null ? { v } : { v, h }));
  const chain = moved.now?.chain.v.length === start.length && (!law || moved.now.counts.length === law.v.length) ? moved.now : null;
  useEffect(() => {
    if (!chain) setHover(null);
  }, [!chain]);
  useEffect(() => () => setHover(null), []);
  return html`<section class="card one">
    <div class="card-head"><h3>Toss by toss</h3><span class="soft num" data-test="sweeps" data-sweeps=${chain?.sweeps ?? 0}>${grouped(chain?.sweeps ?? 0)} ${chain?.sweeps === 1 ? "sweep" : "sweeps"}</span></div>
    <${Moves} moved=${moved} by=${[1, 100, 10_000]} half test="chain" />
    <div class="pair">
      <${Toss} chain=${chain} start=${start} still=${moved.playing} />
      <${Distances} test="chain-distance" lines=${[
        { label: "this chain", x: chain?.distance.sweeps ?? [], y: chain?.distance.chain ?? [], now: chain?.now },
        { label: "as many independent draws, expected", x: chain?.distance.sweeps ?? [], y: chain?.distance.draws ?? [], now: chain?.expected, dash: "2 3", tone: "three" },
      ]} />
    </div>
    <${Start} />
    <p class="soft">A coin falls at u, anywhere from 0 to 1 alike; the unit is on if u falls into the shaded part, below p. Press a p to see its sum. The total variation distance is half the
      sum of |share of visits \u2212 probability| over all rows: no event\u2019s probability is misjudged by more.</p>
  </section>
  ${law && html`<${Visits} law=${law} chain=${chain} />
  <p>Successive configurations resemble each other, so n visits say less than n independent draws would. The standard errors above allow for it: they are not
    estimated but follow from the probabilities of all transitions, for a chain that has forgotten its start. This one takes about
    ${" "}<span data-test="relaxation"><${Sweeps} sweeps=${law.relaxation} /></span> to forget it.${chain && chain.sweeps > 0 && (law.relaxation === null || law.relaxation > chain.sweeps) ? " It has not come so far yet: all its visits together say little more than one draw would." : ""}</p>`}`;
}
