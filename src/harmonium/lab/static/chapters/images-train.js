/** Training on the digits: its settings, its course, and what the machine has learned. */
import { useEffect, useState } from "preact/hooks";
import { fixed, grouped, signed } from "../format.js";
import { html } from "../html.js";
import { usePage } from "../page.js";
import { Button, Choice, Error, Num, Slider } from "../ui/controls.js";
import { Curves } from "./images-curves.js";
import { Filters } from "./images-filters.js";
import { Gallery } from "./images-picture.js";

/** @typedef {import("./images-room.js").View} View */
/** @typedef {import("./images-room.js").Room} Room */

export const LIMITS = { leastUnits: 4, mostUnits: 64, leastRate: 0.001, mostRate: 1, enumerable: 20 };
const PACES = /** @type {[string, string][]} */ ([["slow", "30 updates/s"], ["steady", "300"], ["full", "full speed"]]);
const SHOWN = 24;

/** The settings, as the URL holds them. */
export function useSettings() {
  const { setting } = usePage();
  const bounded = (/** @type {string} */ key, /** @type {number} */ least, /** @type {number} */ most, /** @type {number} */ otherwise) => {
    const x = Number(setting("images", key, otherwise));
    return x >= least && x <= most ? x : otherwise;
  };
  const pace = setting("images", "pace", "steady");
  return {
    hidden: Math.round(bounded("hidden", LIMITS.leastUnits, LIMITS.mostUnits, 20)),
    rate: bounded("rate", LIMITS.leastRate, LIMITS.mostRate, 0.05),
    seed: Math.round(bounded("seed", 0, 2 ** 53 - 1, 0)),
    pace: PACES.some(([name]) => name === pace) ? pace : "steady",
  };
}

/** @param {{room: Room}} props */
export function Train({ room }) {
  const { view } = room;
  const { changeSetting } = usePage();
  const settings = useSettings();
  const set = (/** @type {Record<string, any>} */ values) => changeSetting("images", values);
  const live = view !== null && ["starting", "training", "paused", "evaluating"].includes(view.phase);
  const pace = (/** @type {string} */ name) => {
    set({ pace: name });
    if (live) room.control({ pace: name });
  };
  return html`<section class="card train" aria-label="Training">
    <div class="card-head"><h3>Training on 1,439 handwritten digits</h3><span class="soft">persistent contrastive divergence, 500 chains, batches of 100</span></div>
    <div class="settings">
      <span class="name">hidden units</span>
      <${Slider} label="hidden units" value=${settings.hidden} least=${LIMITS.leastUnits} most=${LIMITS.mostUnits} step=${1} test="hidden"
        onChange=${(/** @type {number} */ x) => set({ hidden: Math.round(x) })} />
      <span class="name">learning rate \u03b7</span>
      <${Slider} label="learning rate" value=${settings.rate} least=${LIMITS.leastRate} most=${LIMITS.mostRate} log test="rate"
        onChange=${(/** @type {number} */ x) => set({ rate: x })} />
      <span class="name">seed</span>
      <span><${Num} label="seed" hideLabel value=${settings.seed} least=${0} most=${2 ** 53 - 1} step=${1} whole test="seed"
        onChange=${(/** @type {number} */ x) => set({ seed: x })} /></span>
    </div>
    <div class="transport">
      <${Transport} room=${room} begin=${() => room.begin(settings)} />
      <${Choice} label="pace" value=${settings.pace} options=${PACES} onChange=${pace} test="pace" />
    </div>
    ${room.error && html`<${Error}>${room.error}.<//>`}
    <${Status} view=${view} settings=${settings} begin=${() => view && room.begin({ ...settings, hidden: view.settings.hidden, rate: view.settings.rate, seed: view.settings.seed })} />
    ${view && view.history.step.length > 0 && html`<${Curves} history=${view.history} exact=${view.settings.hidden <= LIMITS.enumerable} />`}
    ${view?.closing && html`<${Closing} view=${view} save=${room.save} />`}
    ${view?.pictures && html`<${Shown} view=${view} />`}
  </section>`;
}

/** @param {{room: Room, begin: () => void}} props */
function Transport({ room, begin }) {
  const phase = room.view?.phase;
  const act = (/** @type {string} */ what) => () => room.control({ do: what });
  if (phase === "training" || phase === "starting") {
    return html`<${Button} primary onClick=${act("pause")} test="pause">pause<//> <${Button} onClick=${act("close")} disabled=${phase === "starting"} test="stop" title="stop, and find the closing log likelihood">stop<//>
      <${Button} onClick=${begin} test="train">start again<//>`;
  }
  if (phase === "paused") {
    return html`<${Button} primary onClick=${act("play")} test="play">continue<//> <${Button} onClick=${act("close")} test="stop" title="stop, and find the closing log likelihood">stop<//>
      <${Button} onClick=${begin} test="train">start again<//>`;
  }
  if (phase === "evaluating") return html`<${Button} onClick=${act("skip")} test="skip">skip the likelihood<//> <${Button} onClick=${begin} test="train">start again<//>`;
  return html`<${Button} primary onClick=${begin} test="train">${room.view ? "train again" : "train"}<//>`;
}

/** @param {{view: View | null, settings: {hidden: number, rate: number, seed: number}, begin: () => void}} props */
function Status({ view, settings, begin }) {
  if (!view) return html`<p class="status soft" data-test="status">Nothing has been trained yet. Press train.</p>`;
  const { phase, step } = view;
  const { updates } = view.settings;
  const share = phase === "evaluating" && view.stage ? view.stage.share : step / updates;
  const changed = phase !== "lost" && (settings.hidden !== view.settings.hidden || settings.rate !== view.settings.rate || settings.seed !== view.settings.seed);
  return html`<div class="status" data-test="status" data-phase=${phase}>
    <progress max="1" value=${share} aria-label=${phase === "evaluating" ? "the likelihood" : "the training"}></progress>
    <p><strong>${inWords(view)}</strong>${" "}
      <span class="num" data-test="step">${grouped(step)}</span> of ${grouped(updates)} updates${phase === "training" && view.rate > 0 ? html`, <span class="num" data-test="speed">${grouped(Math.round(view.rate))}</span> a second` : ""}${numbers(view)}</p>
    ${phase === "lost" && html`<p class="lost-run" role="alert">The connection was interrupted, and the training ended with it. The same settings and seed lead to the same machine again.
      ${" "}<${Button} onClick=${begin} test="again">begin again with the same settings and seed<//></p>`}
    ${phase === "failed" && html`<p role="alert">The training stopped: ${view.problem}.</p>`}
    ${changed && html`<p class="soft">This run has ${view.settings.hidden} hidden units, rate ${view.settings.rate} and seed ${view.settings.seed}; the new settings take effect when you start again.</p>`}
  </div>`;
}

/** @param {View} view */
function inWords({ phase, stage, step }) {
  if (phase === "starting") return "Starting: the library is being loaded.";
  if (phase === "evaluating") return `Finding the log likelihood${stage?.stage ? `: ${stage.stage}` : ""}.`;
  if (phase === "training" && step < 3) return "Training begins: the update is being compiled.";
  return { training: "Training.", paused: "Paused.", done: "Done.", failed: "Stopped.", lost: "Interrupted." }[phase];
}

/** The newest log likelihood and gap. @param {View} view */
function numbers({ history }) {
  const last = (/** @type {(number | null)[]} */ values) => values.findLast((x) => x !== null) ?? null;
  const [exact, pseudo, gap] = [last(history.valid), last(history.valid_pseudo), last(history.gap)];
  const likelihood = exact !== null ? html`; held-out log likelihood <span class="num" data-test="valid">${fixed(exact, 2)}</span> nats`
    : pseudo !== null ? html`; held-out pseudo-log-likelihood <span class="num" data-test="valid-pseudo">${fixed(pseudo, 2)}</span> nats` : "";
  return html`${likelihood}${gap === null ? "" : html`; free-energy gap <span class="num">${signed(gap, 2)}</span>`}`;
}

/** @param {{view: View, save: () => void}} props */
function Closing({ view, save }) {
  const { closing } = view;
  if (!closing) return null;
  const { mean, lower, upper, exact, method, rows, train, baseline, warnings } = closing;
  const digits = exact || upper - lower < 0.1 ? 3 : 2;
  return html`<div class="closing" data-test="closing">
    <p><strong>The machine after ${grouped(view.step)} updates:</strong> mean log likelihood of ${rows} test digits that it has never seen
      ${" "}<strong class="num">${fixed(mean, digits)}</strong> nats${exact ? "" : html` <span class="num">[${fixed(lower, digits)}, ${fixed(upper, digits)}]</span>`}, ${exact ? method : html`estimated: ${method}; the interval covers ln\u2009Z with 95%`}.
      ${" "}Of the training digits: <span class="num">${fixed(train, digits)}</span>. Independent pixels, without hidden units: <span class="num">${fixed(baseline, digits)}</span>.</p>
    ${warnings.map((text) => html`<p class="soft">Note: ${text}.</p>`)}
    <p><${Button} onClick=${save} test="save">save this machine<//> <span class="soft">as a model file, for the library or the terminal: harmonium evaluate FILE digits</span></p>
  </div>`;
}

/** The machine's filters and what it generates. @param {{view: View}} props */
function Shown({ view }) {
  const { setting, changeSetting, ask, status } = usePage();
  const [real, setReal] = useState(/** @type {import("./images-picture.js").Packed | null} */ (null));
  useEffect(() => {
    if (status !== "open" || real) return;
    ask("images.held_out", { first: 0, count: SHOWN }).then((found) => setReal(found.digits), () => {});
  }, [status]);
  const means = setting("images", "means", true);
  const { pictures, settings } = view;
  if (!pictures) return null;
  return html`<div class="shown">
    <div>
      <h4>Filters: the weights of each hidden unit</h4>
      <${Filters} packed=${pictures.filters} height=${8} width=${8} of=${settings.hidden} test="filters" />
    </div>
    <div>
      <div class="card-head"><h4>Fantasies: where ${SHOWN} of the chains are</h4>
        <${Choice} label="show" value=${means} options=${[[true, "probabilities"], [false, "samples"]]} onChange=${(/** @type {boolean} */ x) => changeSetting("images", { means: x })} /></div>
      <${Gallery} packed=${means ? pictures.means : pictures.chains} height=${8} width=${8} what="fantasy" label="Fantasies of the machine" tile=${52} test="fantasies" />
      <h4>Held-out digits, for comparison</h4>
      <${Gallery} packed=${real} height=${8} width=${8} what="digit" label="Held-out digits" tile=${52} />
    </div>
  </div>`;
}
