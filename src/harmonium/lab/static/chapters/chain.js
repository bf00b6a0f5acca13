/** Chapter 3: from samples to the table. A chain, its visits, many chains, and what to do when a chain is stuck. */
import { Card, fixed, grouped, html, indexed, isHeld, plain, probability, showSample, Summed, useCarried, useEffect, usePage, Words } from "../ui.js";
import { runChain } from "../answers/chain.js";
import { Modes } from "./chain-modes.js";
import { Distances, Moves, Start, Sweeps, useExperiment } from "./chain-moves.js";
import { Many, Visits } from "./chain-visits.js";

export const chapter = { id: "chain", title: "The chain", Chapter: Chain };

function Chain() {
  const { state } = usePage();
  const experiment = useExperiment();
  return html`<${Words} of="chain" parts=${{ Card, One, Many, Modes }} experiment=${experiment}
    held=${isHeld(state.clamp) && html`<p class="soft" data-test="held-note">The chain in this chapter runs freely: units that are held in the network are sampled like all others.</p>`} />`;
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

/** The chain at one moment: both layers, the probability of every unit, and the random number that decided it. @param {{chain: Chain, still: boolean}} props `still`: draws are shown where they fell, without their flight */
export function Sample({ chain, still }) {
  const { state } = usePage();
  const { weights, a, b } = state.machine;
  const { v, h, half } = chain.chain;
  const fresh = still ? [] : chain.fresh;
  // After a half-step one layer is new; after whole sweeps h is, made from the v shown.
  const newest = half === 0 ? null : half % 2 === 1 ? "h" : "v";
  const layer = (/** @type {"v" | "h"} */ name, /** @type {string | null} */ bits, /** @type {number} */ units) => html`<${Layer} name=${name} bits=${bits} units=${units} draws=${chain.draws[name]} half=${half}
    classes=${["layer", name, fresh.includes(name) && "fresh", fresh.length === 2 && name === "h" && "late", newest !== null && newest !== name && "past"].filter(Boolean).join(" ")} />`;
  return html`<div class="sample" data-test="sample" data-half=${half}>
    ${layer("h", h, b.length)}
    <${Edges} weights=${weights} on=${newest === "v" ? h : v} from=${newest === "v" ? "h" : "v"} />
    ${layer("v", v, a.length)}
    <p class="soft said" aria-live=${still ? "off" : "polite"} data-test="said">${saidOf(chain)}</p>
  </div>`;
}

/** What just happened, in words. @param {Chain} chain */
function saidOf(chain) {
  const { v, h, half } = chain.chain;
  if (half === 0) return `The chain is at v = ${v}. Next: h given v.`;
  const sweeps = chain.sweeps === 1 ? "1 sweep" : `${grouped(chain.sweeps)} sweeps`;
  if (half === 1) return `h = ${h ?? ""} was sampled given v = ${v}. Next: v given this h.`;
  if (half % 2 === 0) return `v = ${v} was sampled given h = ${h ?? ""}. A new h ends the sweep.`;
  return `h = ${h ?? ""} was sampled given v = ${v}: ${sweeps} made, and this pair is counted.`;
}

function Layer(/** @type {{name: "v" | "h", bits: string | null, units: number, draws?: LayerDraws, half: number, classes: string}} */ { name, bits, units, draws, half, classes }) {
  return html`<ol class=${classes} style=${`--units:${units}`} aria-label=${name === "v" ? "visible units" : "hidden units"}>
    ${Array.from({ length: units }, (_, i) => {
      const bit = bits?.[i];
      const unit = indexed(name, i + 1);
      const circle = html`<span class=${`unit-bit ${bit === undefined ? "none" : bit === "1" ? "one" : "zero"}`} key=${`b${half}`} data-test=${`bit-${name}-${i}`}>
        <span class="unit-name">${unit}</span> <b>${bit ?? "?"}</b></span>`;
      const draw = html`<${Draw} name=${name} i=${i} draws=${draws} half=${half} unit=${unit} />`;
      return html`<li key=${i}>${name === "h" ? [draw, circle] : [circle, draw]}</li>`;
    })}
  </ol>`;
}

/** One unit's random number: the shaded part of the bar is the probability of being on, the mark is the number drawn. */
function Draw(/** @type {{name: "v" | "h", i: number, draws?: LayerDraws, half: number, unit: string}} */ { name, i, draws, half, unit }) {
  const { state } = usePage();
  if (!draws) return html`<span class="draw empty"><span class="gauge"></span><span class="soft">not sampled</span></span>`;
  const [p, u] = [draws.probability[i], draws.uniform[i]];
  return html`<span class="draw" data-test=${`draw-${name}-${i}`} data-p=${p} data-u=${u}>
    <span class="gauge" aria-hidden="true"><span class="chance" style=${`width:${100 * p}%`}></span>
      <span class="ball" key=${`c${half}`} style=${`--u:${100 * u}%`}></span></span>
    <span class="p"><${Summed} value=${p} text=${`p ${probability(p, 4)}`} digits=${4} label=${`probability that ${unit} is on`} tex=${`p(${name}_{${i + 1}} = 1 \\mid ${name === "h" ? "v" : "h"}) = \\frac{1}{1 + e^{-S/T}}`}
      total="p" rows=${() => terms(state, name, i, draws)} /></span>
    <span class="u"><span class="letter">u</span> ${fixed(u, 4)}</span>
  </span>`;
}

/** The total input, written out. @returns {[string, number | string][]} */
function terms(/** @type {State} */ state, /** @type {"v" | "h"} */ name, /** @type {number} */ i, /** @type {LayerDraws} */ draws) {
  const { weights, a, b } = state.machine;
  const [own, bias, other] = name === "h" ? ["b", b[i], "v"] : ["a", a[i], "h"];
  const sent = [...draws.given].map((bit, k) => {
    const [row, column] = name === "h" ? [k, i] : [i, k];
    return /** @type {[string, string]} */ ([`${indexed(other, k + 1)} ${indexed("w", row + 1, column + 1)}`, `${bit} \u00b7 ${plain(weights[row][column])}`]);
  });
  return [[indexed(own, i + 1), bias], ...sent, ["S, their sum", draws.input[i]], ["T", plain(state.temperature)]];
}

/** The weights between the layers; those whose sender is on speak, the others are faint. */
function Edges(/** @type {{weights: number[][], on: string | null, from: "v" | "h"}} */ { weights, on, from }) {
  const x = (/** @type {number} */ i, /** @type {number} */ n) => (100 * (i + 0.5)) / n;
  return html`<svg class=${`edges from-${from}`} viewBox="0 0 100 40" preserveAspectRatio="none" aria-hidden="true">
    ${weights.map((row, i) =>
      row.map((w, j) => {
        const speaks = on?.[from === "v" ? i : j] === "1";
        return html`<line x1=${x(i, weights.length)} y1="40" x2=${x(j, row.length)} y2="0" vector-effect="non-scaling-stroke"
          class=${`${w < 0 ? "minus" : "plus"}${speaks ? " speaks" : ""}`} stroke-width=${w === 0 ? 1 : Math.min(9, 1.2 + 2 * Math.abs(w))} />`;
      }),
    )}
  </svg>`;
}
