/** The first thing that is seen: the machine samples, and its visits grow onto the exact probabilities. */
import { Button, fixed, grouped, html, showSample, useEffect, useLecture, usePage, useReducer, useRef, useState } from "../ui.js";
import { derive, keyOf, numberOf, sampleHidden, sampleVisible } from "../engine.js";

const MOST_BARS = 32;
const MOST_SWEEPS = 20000;
/** Frames from one sweep to the next while every one can be followed, and how many are made so. */
const SLOW = { frames: 8, sweeps: 30 };
const MOST_LETTERED = 16;

export function Live() {
  const { state, table, tables } = usePage();
  const [running, setRunning] = useState(() => !matchMedia("(prefers-reduced-motion: reduce)").matches);
  const run = useRef(fresh(tables));
  const [, draw] = useReducer((/** @type {number} */ n) => n + 1, 0);
  const { clamp } = state;
  const { goTo, next } = useLecture();
  useEffect(() => {
    run.current = fresh(tables);
    draw(0);
  }, [tables, clamp]);
  useEffect(() => {
    if (!running) return;
    let frame = 0;
    let handle = requestAnimationFrame(function step() {
      const chain = run.current;
      const slow = chain.sweeps < SLOW.sweeps;
      if (!slow || frame % SLOW.frames === 0) {
        for (let n = Math.max(1, Math.min(200, chain.sweeps / 100)); n >= 1; n--) sweep(chain, clamp);
        draw(0);
      }
      if (frame++ % SLOW.frames === 0) showSample({ v: [...chain.v].join(""), h: [...chain.h].join("") });
      if (chain.sweeps < MOST_SWEEPS) handle = requestAnimationFrame(step);
      else setRunning(false);
    });
    return () => {
      cancelAnimationFrame(handle);
      showSample(null);
    };
  }, [running, tables, clamp]);
  const { counts, sweeps } = run.current;
  const joint = counts.length <= MOST_BARS;
  const exact = joint ? (table.given ?? table.probability) : rows(table.given ?? table.probability, tables.m);
  const shares = (joint ? [...counts] : rows(counts, tables.m)).map((x) => x / Math.max(1, sweeps));
  const labels = joint ? table.v.map((v, n) => [v, table.h[n]]) : table.visible.states.map((v) => [v]);
  const again = () => {
    if (!running && sweeps >= MOST_SWEEPS) run.current = fresh(tables);
    setRunning(!running);
  };
  return html`<section class="card live">
    <p class="purpose">A restricted Boltzmann machine assigns a probability to every pattern and learns these probabilities from examples. Here, a small one is sampling.
      In this lab, you compute each of its numbers, teach it, and in the end train one on handwritten digits.</p>
    <${Bars} shares=${shares} exact=${exact} labels=${labels} name=${joint ? "v above h" : "v"} />
    <p class="soft live-said"><span><span class="key visited"></span> frequency in <span class="num" data-test="live-sweeps">${grouped(sweeps)}</span> samples</span>
      <span><span class="key law"></span> exact probability</span> <span class="live-away">largest difference <span class="num">${fixed(Math.max(...exact.map((p, n) => Math.abs(p - shares[n]))), 3)}</span></span>
      <button type="button" class="link" onClick=${again} data-test="live-run">${running ? "pause" : sweeps >= MOST_SWEEPS ? "sample again" : "sample"}</button></p>
    <p><${Button} primary onClick=${() => goTo(next)} test="follow">Follow the lecture<//></p>
  </section>`;
}

function Bars(/** @type {{shares: number[], exact: number[], labels: string[][], name: string}} */ { shares, exact, labels, name }) {
  const top = Math.max(1.15 * Math.max(...exact), ...shares);
  const high = (/** @type {number} */ p) => `${(100 * p) / top}%`;
  return html`<div class="live-bars" role="img" style=${`--n:${labels.length}`}
    aria-label=${`The shares of the samples, compared with the exact probabilities: a bar for each of ${labels.length} configurations (${name})`}>
    ${labels.map((text, n) => html`<span key=${n} title=${text.join(", ")}>
      <span class="room"><span class="visited" style=${`height:${high(shares[n])}`}></span><span class="law" style=${`bottom:${high(exact[n])}`}></span></span>
      ${labels.length <= MOST_LETTERED && text.map((bits) => html`<span class="bits-cell">${bits}</span>`)}
    </span>`)}
  </div>`;
}

/** A chain that begins with all units off. */
function fresh(/** @type {Tables} */ { rbm, n, m }) {
  return { rbm, v: new Float64Array(rbm.V), h: new Float64Array(rbm.H), sweeps: 0, counts: new Float64Array(n * m), key: keyOf(Math.floor(Math.random() * 2 ** 32)) };
}

/** Draw v, then h; units that are held stay. */
function sweep(/** @type {ReturnType<typeof fresh>} */ chain, /** @type {State["clamp"]} */ clamp) {
  const { rbm, key } = chain;
  chain.v = hold(sampleVisible(rbm, chain.h, derive(key, 2 * chain.sweeps)), clamp.v);
  chain.h = hold(sampleHidden(rbm, chain.v, derive(key, 2 * chain.sweeps + 1)), clamp.h);
  chain.counts[numberOf(chain.v) * 2 ** rbm.H + numberOf(chain.h)]++;
  chain.sweeps++;
}

const hold = (/** @type {Float64Array} */ bits, /** @type {Held[]} */ held) => bits.map((bit, i) => held[i] ?? bit);

/** Sums over h. */
function rows(/** @type {ArrayLike<number>} */ joint, /** @type {number} */ m) {
  return Array.from({ length: joint.length / m }, (_, n) => Array.from({ length: m }, (_, k) => joint[n * m + k]).reduce((a, b) => a + b));
}
