/** Chapter 5: a training set, learned in three ways side by side, with figures that can be trusted and one that cannot. */
import { Button, Card, Choice, Error, fixed, grouped, html, Num, Seed, usePage, useState, Words } from "../ui.js";
import { LIMITS, METHODS } from "../answers/set.js";
import { Column, Curves, Numbers } from "./set-results.js";
import { exampleOf, EXAMPLES, useSettings, useTraining } from "./set-training.js";
import { TargetEditor } from "./set-target.js";

export const chapter = { id: "set", title: "A training set", wide: true, Chapter: TrainingSet };

function TrainingSet() {
  const { setting } = usePage();
  const settings = useSettings();
  const training = useTraining(settings, setting("set", "pace", 10, PACES));
  const { run, error } = training;
  const [at, setAt] = useState("");
  const results = html`${error && html`<${Error}>${error.charAt(0).toUpperCase() + error.slice(1)}.<//>`}
    ${run && html`<${Controls} training=${training} run=${run} />
      <section class="card"><${Curves} run=${run} /></section>
      <div class="three">${METHODS.map((m) => html`<${Column} key=${m} run=${run} method=${m} at=${at} onPoint=${setAt} />`)}</div>
      <p class="soft squares-key">Weights are squares in the shape of the pictures, <span class="plus">full for positive</span>, <span class="minus">hollow for negative</span> ones; the area is the size. All three start from the same weights.</p>
      <${Numbers} run=${run} />`}`;
  return html`<${Words} of="set" parts=${{ Card, Examples, HowTo }} settings=${settings} results=${results} editor=${run && html`<${TargetEditor} target=${run.target} />`}
    best=${run && html`, here <span class="num" data-test="best">${fixed(run.target.best, 4)}</span>`} />`;
}

function Examples(/** @type {{settings: LessonSettings}} */ { settings }) {
  const { state, change } = usePage();
  const here = exampleOf(settings);
  const choose = (/** @type {LessonSettings} */ { seed, ...set }) => change({ seed, settings: { ...state.settings, set: { ...state.settings.set, ...set } } });
  return html`<div class="examples-of-sets"><div class="row" role="group" aria-label="Examples">${EXAMPLES.map((e) => html`<${Button} key=${e.id} pressed=${e === here} test=${`example-${e.id}`}
    onClick=${() => choose(e.settings)}>${e.title}<//>`)}</div>${here && html`<p class="soft" data-test="note">${here.note}</p>`}</div>`;
}

function HowTo(/** @type {{settings: LessonSettings}} */ { settings }) {
  const { change, changeSetting } = usePage();
  const set = (/** @type {string} */ key) => (/** @type {number} */ x) => changeSetting("set", { [key]: x });
  return html`<div class="how" role="group" aria-label="How to learn it">
      <${Num} label="hidden units" value=${settings.hidden} least=${1} most=${LIMITS.hidden} step=${1} whole onChange=${set("hidden")} test="hidden" />
      <${Num} label="rate \u03b7" value=${settings.rate} least=${0} most=${LIMITS.rate} step=${0.05} onChange=${set("rate")} test="rate" />
      <${Num} label="initial weight scale" value=${settings.scale} least=${0} most=${LIMITS.scale} step=${0.1} onChange=${set("scale")} test="scale" />
      <${Num} label="chains" value=${settings.chains} least=${1} most=${LIMITS.chains} step=${10} whole onChange=${set("chains")} test="chains" />
      <${Seed} value=${settings.seed} onChange=${(/** @type {number} */ seed) => change({ seed }, { merge: "seed" })} />
      <span class="soft">A new rate applies from the next update; any other change restarts training. T is 1 here.</span>
    </div>`;
}

const PACES = [1, 10, 50];

function Controls(/** @type {{training: ReturnType<typeof useTraining>, run: Run}} */ { training: { playing, play, move, restart }, run }) {
  const { setting, changeSetting } = usePage();
  const take = (/** @type {number} */ n) => () => (play(false), move(n));
  return html`<div class="set-controls" role="group" aria-label="Training">
    <${Button} primary onClick=${() => play(!playing)} test="play">${playing ? "pause" : "play"}<//>
    <${Button} onClick=${take(1)} test="step" title="one update of all three" label="one update">\u00d71<//>
    ${[10, 100, 1000].map((n) => html`<${Button} key=${n} onClick=${take(n)} test=${`step-${n}`} label=${`${grouped(n)} updates`}>\u00d7${grouped(n)}<//>`)}
    <${Button} onClick=${restart} disabled=${run.state.update === 0} test="again" label="start again">restart<//>
    <${Choice} label="pace" value=${setting("set", "pace", 10)} options=${[[1, "slow"], [10, "medium"], [50, "fast"]]} onChange=${(/** @type {number} */ pace) => changeSetting("set", { pace })} test="pace" />
    <span class="count">update <strong class="num" data-test="update">${grouped(run.state.update)}</strong></span>
  </div>`;
}
