/** Training on the digits: its settings, its course, and what the machine has learned. */
import { Button, Choice, Curve, Error, fixed, grouped, html, LIMITS, Seed, signed, Slider, usePage } from "../ui.js";
import { digits, PIXELS } from "../engine/digits.js";
import { Filters, Gallery } from "./images-picture.js";
import { PACES } from "./images-session.js";

const RANGES = { leastUnits: 4, mostUnits: 100, leastRate: 0.001, mostRate: 1 };
const PACE_WORDS = [["slow", "30 updates/s"], ["steady", "300"], ["full", "full speed"]];
const SHOWN = 24;
const HELD_OUT = { count: SHOWN, bytes: digits().test.slice(0, SHOWN * PIXELS).map((bit) => 255 * bit) };

/** The settings, as the URL holds them. */
export function useSettings() {
  const { setting } = usePage();
  const bounded = (/** @type {string} */ key, /** @type {number} */ least, /** @type {number} */ most, /** @type {number} */ otherwise) => {
    const x = Number(setting("images", key, otherwise));
    return x >= least && x <= most ? x : otherwise;
  };
  const pace = setting("images", "pace", "full", Object.keys(PACES));
  return {
    hidden: Math.round(bounded("hidden", RANGES.leastUnits, RANGES.mostUnits, 20)),
    rate: bounded("rate", RANGES.leastRate, RANGES.mostRate, 0.1),
    seed: Math.round(bounded("seed", 0, LIMITS.seed - 1, 0)),
    pace,
  };
}

export function Train(/** @type {{session: Session}} */ { session }) {
  const { view } = session;
  const { changeSetting } = usePage();
  const settings = useSettings();
  const set = (/** @type {Record<string, any>} */ values) => changeSetting("images", values);
  const pace = (/** @type {string} */ name) => {
    set({ pace: name });
    session.setPace(name);
  };
  return html`<section class="card train" aria-label="Training">
    <div class="card-head"><h3>Training on 1,439 handwritten digits</h3><span class="soft">persistent contrastive divergence, 500 chains, batches of 100</span></div>
    <div class="settings">
      <span class="name">hidden units</span>
      <${Slider} label="hidden units" value=${settings.hidden} least=${RANGES.leastUnits} most=${RANGES.mostUnits} step=${1} test="hidden"
        onChange=${(/** @type {number} */ x) => set({ hidden: Math.round(x) })} />
      <span class="name">learning rate \u03b7</span>
      <${Slider} label="learning rate" value=${settings.rate} least=${RANGES.leastRate} most=${RANGES.mostRate} log test="rate"
        onChange=${(/** @type {number} */ x) => set({ rate: x })} />
      <span class="name">seed</span>
      <span><${Seed} hideLabel value=${settings.seed} onChange=${(/** @type {number} */ x) => set({ seed: x })} /></span>
    </div>
    <div class="transport">
      <${Transport} session=${session} begin=${() => session.begin(settings)} />
      <${Choice} label="pace" value=${settings.pace} options=${PACE_WORDS} onChange=${pace} test="pace" />
    </div>
    ${session.error && html`<${Error}>${session.error}.<//>`}
    <${Status} session=${session} settings=${settings} />
    ${view && html`<${Curves} history=${view.history} exact=${view.exact} />`}
    ${view?.closing && html`<${Closing} closing=${view.closing} step=${view.step} save=${session.save} />`}
    ${view && html`<${Shown} view=${view} />`}
  </section>`;
}

function Transport(/** @type {{session: Session, begin: () => void}} */ { session, begin }) {
  const phase = session.view?.phase;
  const button = (/** @type {string} */ what, /** @type {string} */ test, /** @type {string} */ text, /** @type {boolean} */ primary = false, title = "") =>
    html`<${Button} primary=${primary} onClick=${() => session.control(what)} test=${test} title=${title}>${text}<//> `;
  const stop = () => button("close", "stop", "stop", false, "stop, and find the final log likelihood");
  const again = html`<${Button} onClick=${begin} test="train">start again<//>`;
  if (phase === "training") return html`${button("pause", "pause", "pause", true)}${stop()}${again}`;
  if (phase === "paused") return html`${button("play", "play", "continue", true)}${stop()}${again}`;
  if (phase === "evaluating") return html`${button("skip", "skip", "skip the likelihood")}${again}`;
  return html`<${Button} primary onClick=${begin} test="train">${session.view ? "train again" : "train"}<//>`;
}

function Status(/** @type {{session: Session, settings: {hidden: number, rate: number, seed: number}}} */ { session, settings }) {
  const { view, speed } = session;
  if (!view) return html`<p class="status soft" data-test="status">Nothing has been trained yet. Press train.</p>`;
  const { phase, step, updates, stage, problem, settings: own } = view;
  const share = phase === "evaluating" ? stage.share : step / updates;
  const changed = ["hidden", "rate", "seed"].some((name) => /** @type {any} */ (settings)[name] !== /** @type {any} */ (own)[name]);
  const words = { training: "Training.", paused: "Paused.", done: "Done.", failed: "Stopped.", evaluating: `Finding the log likelihood${stage.stage ? `: ${stage.stage}` : ""}.` }[phase];
  return html`<div class="status" data-test="status" data-phase=${phase}>
    <progress max="1" value=${share} aria-label=${phase === "evaluating" ? "the likelihood" : "the training"}></progress>
    <p><strong>${words}</strong>${" "}
      <span class="num" data-test="step">${grouped(step)}</span> of ${grouped(updates)} updates${phase === "training" && speed > 0 ? html`, <span class="num" data-test="speed">${grouped(Math.round(speed))}</span> a second` : ""}${numbers(view)}</p>
    ${phase === "failed" && html`<p role="alert">The training stopped: ${problem}.</p>`}
    ${changed && html`<p class="soft">This run has ${own.hidden} hidden units, rate ${own.rate} and seed ${own.seed}; the new settings take effect when you start again.</p>`}
  </div>`;
}

/** The newest log likelihood and gap. @param {View} view */
function numbers({ history: { valid, gap }, exact }) {
  return html`; held-out ${exact ? "" : "pseudo-"}log likelihood <span class="num" data-test=${exact ? "valid" : "valid-pseudo"}>${fixed(valid.at(-1), 2)}</span> nats;
    free-energy gap <span class="num">${signed(gap.at(-1), 2)}</span>`;
}

function Closing(/** @type {{closing: Closing, step: number, save: () => void}} */ { closing, step, save }) {
  const { mean, lower, upper, exact, method, train, baseline, warning } = closing;
  const digits = exact ? 3 : 2;
  return html`<div class="closing" data-test="closing">
    <p><strong>The machine after ${grouped(step)} updates:</strong> mean log likelihood of 179 test digits that it has never seen
      ${" "}<strong class="num">${fixed(mean, digits)}</strong> nats${exact ? ", exact: summed over all states of the hidden units"
        : html` <span class="num">[${fixed(lower, digits)}, ${fixed(upper, digits)}]</span>, estimated: ${method}; a nominal 95% interval for ln\u2009Z`}.
      ${" "}Of the training digits: <span class="num">${fixed(train, digits)}</span>. Independent pixels, without hidden units: <span class="num">${fixed(baseline, digits)}</span>.</p>
    ${warning && html`<p class="soft">Note: ${warning}.</p>`}
    <p><${Button} onClick=${save} test="save">save this machine<//> <span class="soft">as a model file, for the library or the terminal: harmonium evaluate FILE digits</span></p>
  </div>`;
}

/** The machine's filters and what it generates. @param {{view: View}} props */
function Shown({ view }) {
  const { setting, changeSetting } = usePage();
  const means = setting("images", "means", true, [true, false]);
  const { pictures, settings } = view;
  return html`<div class="shown">
    <div>
      <h4>Filters: the weights of ${pictures.filters.count < settings.hidden ? `the first ${pictures.filters.count}` : "each"} hidden ${pictures.filters.count < settings.hidden ? "units" : "unit"}</h4>
      <${Filters} packed=${pictures.filters} height=${8} width=${8} of=${settings.hidden} test="filters" />
    </div>
    <div>
      <div class="card-head"><h4>Fantasies: where ${pictures.means.count} of the chains are</h4>
        <${Choice} label="show" value=${means} options=${[[true, "probabilities"], [false, "samples"]]} onChange=${(/** @type {boolean} */ x) => changeSetting("images", { means: x })} /></div>
      <${Gallery} packed=${means ? pictures.means : pictures.chains} height=${8} width=${8} what="fantasy" label="Fantasies of the machine" tile=${52} test="fantasies" />
      <h4>Held-out digits, for comparison</h4>
      <${Gallery} packed=${HELD_OUT} height=${8} width=${8} what="digit" label="Held-out digits" tile=${52} />
    </div>
  </div>`;
}

const HEIGHT = 230;

/** The course of a training as curves. Each says whether it is a log likelihood. @param {{history: TrainingHistory, exact: boolean}} props */
export function Curves({ history, exact }) {
  const { step: x, gap, train, valid } = history;
  return html`<div class="curves">
    <div>
      <h4>${exact ? "Log likelihood: exact" : "Pseudo-log-likelihood: not a log likelihood"}</h4>
      <${Curve} x=${x} xLabel="updates" yLabel=${exact ? "mean ln p(v), nats" : "mean pseudo, nats"} height=${HEIGHT} test="likelihood"
        series=${[{ label: "training digits", values: train }, { label: "held-out digits", values: valid }]} />
      <p class="soft">${exact
        ? "Each value is a sum over all states of the hidden layer. It starts at that of independent pixels."
        : "Above 20 hidden units, ln Z takes too long to compute during training. This sums ln p of each pixel given the other 63: quick, and blind to the relative probabilities of the modes."}</p>
    </div>
    <div>
      <h4>Free-energy gap</h4>
      <${Curve} x=${x} xLabel="updates" yLabel="held-out minus training, nats" height=${HEIGHT} test="gap"
        series=${[{ label: "gap", values: gap }, { label: "no gap", values: x.map(() => 0), width: 1 }]} />
      <p class="soft">Mean free energy of held-out digits minus that of the same number of training digits. Z cancels, so it is exact at any size. Well above zero, the machine has begun to memorize its training digits.</p>
    </div>
  </div>`;
}
