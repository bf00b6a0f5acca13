/** Chapter 5: a training set, learned in three ways side by side, with figures that can be trusted and one that cannot. */
import { Button, Card, Choice, Error, fixed, Formula, grouped, html, Num, Seed, usePage, useState } from "../ui.js";
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
  return html`
    <p class="lead">In chapter 4, the machine learned a single vector. A training set is a whole distribution: q(v) says how often each vector occurs.
      The machine learns until its own p(v) matches q(v). <strong>Choose the pictures to learn, and press play.</strong></p>
    <${Examples} settings=${settings} />
    <section class="card set-up">${run && html`<${TargetEditor} target=${run.target} />`}<${HowTo} settings=${settings} /></section>
    ${error && html`<${Error}>${error.charAt(0).toUpperCase() + error.slice(1)}.<//>`}
    ${run && html`<${Controls} training=${training} run=${run} />
      <section class="card"><${Curves} run=${run} /></section>
      <div class="three">${METHODS.map((m) => html`<${Column} key=${m} run=${run} method=${m} at=${at} onPoint=${setAt} />`)}</div>
      <p class="soft squares-key">Weights are squares in the shape of the pictures, <span class="plus">full for positive</span>, <span class="minus">hollow for negative</span> ones; the area is the size. All three start from the same weights.</p>
      <${Numbers} run=${run} />`}
    <${Lecture} best=${run?.target.best} />`;
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

function Lecture(/** @type {{best?: number}} */ { best }) {
  return html`<div class="lecture"><div>
    <h3>Three ways to the negative term</h3>
    <p>The learning rule is the same, with the target distribution in place of the single vector. The positive term is an expectation over the data and is
      summed exactly for all three machines:</p>
    <${Formula} block tex=${"\\Delta w_{ij} = \\eta\\,\\big( \\langle v_i h_j \\rangle_{q(v)\\,p(h|v)} - \\langle v_i h_j \\rangle_{p(v,h)} \\big)"} />
    <p>They differ in one thing: where the v of the negative term comes from. The exact gradient takes every v with its probability; that needs
      the whole table. CD-1 takes chains that start at the data and make one sweep. PCD-1 keeps its chains, so that they can move away from the data and
      reach the regions where the machine\u2019s probability really is. The dots show these v at the last update.</p>
    <h3>What the curves measure</h3>
    <p>The log likelihood is the mean of ln p(v) over the target. It cannot rise above the negative entropy of the target${
      best === undefined ? "" : html`, here <span class="num" data-test="best">${fixed(best, 4)}</span>`}. The gap to that line is the
      Kullback-Leibler divergence, which is zero only if p equals q:</p>
    <${Formula} block tex=${"\\sum_v q(v) \\ln p(v) = \\underbrace{\\sum_v q(v) \\ln q(v)}_{\\text{best possible}} - \\underbrace{\\sum_v q(v) \\ln \\frac{q(v)}{p(v)}}_{\\mathrm{KL}(q\\,\\|\\,p)}"} />
    <p>The reconstruction error is a different quantity. Draw v from the target, h from p(h|v), v\u2032 from p(v\u2032|h), and count the pixels in which v\u2032
      differs from v; its expectation is summed here over every h. Many programs print it during training because it is cheap.</p>
  </div><div>
    <${Card} id="set-best" />
    <${Card} id="divergence" />
    <${Card} id="set-fall" />
    <h3>Why it falls</h3>
    <p>Look at the dots of CD-1 in that example. Half of its chains start at the empty picture and half at the full one, and after one sweep they are still there. The two
      terms agree, and CD-1 stops learning. These chains cannot reveal that the free-running machine is almost always at only one of the two pictures: they would
      have to cross from one to the other, and each update puts them back before they can.</p>
    <p>The chains of PCD-1 are never put back. When one picture has too much probability, they gather there, the negative term grows there, and
      its probability falls again. The price: the chains must keep up with the machine. If the rate is too high, PCD-1 oscillates.</p>
    <p>Reconstruction measures whether the machine stays where it is put. Likelihood measures whether it gets there. Only the second is the goal.
      Where the likelihood can be summed, use it; where it cannot, estimate it.</p>
  </div></div>`;
}
