/** What the chapter is about at the moment, and moving on: buttons, the start, the seed. */
import { Bits, Button, grouped, html, LIMITS, Seed, useMemo, usePage } from "../ui.js";
import { distributionOf } from "../answers/chain.js";

/** Where chains start, from the URL or all off. */
export function useStart() {
  const { state, setting, changeSetting } = usePage();
  const V = state.machine.a.length;
  const asked = String(setting("chain", "start", ""));
  const start = new RegExp(`^[01]{${V}}$`).test(asked) ? asked : "0".repeat(V);
  return { start, setStart: (/** @type {string} */ bits) => changeSetting("chain", { start: bits }) };
}

/** What tells one experiment from another. @returns {Experiment} */
export function useExperiment() {
  const { state, tables } = usePage();
  const { start } = useStart();
  const distribution = useMemo(() => distributionOf(tables), [tables]);
  return useMemo(() => ({ distribution, seed: state.seed, start }), [distribution, state.seed, start]);
}

/** Buttons that move something on. @param {{moved: Moved, by: number[], half?: boolean, unit?: string, disabled?: boolean, test: string}} props */
export function Moves({ moved, by, half, unit = "sweep", disabled, test }) {
  const { playing, play, move, restart } = moved;
  const stepped = (/** @type {any} */ what) => () => {
    play(false);
    move(what);
  };
  return html`<div class="moves">
    ${half && html`<${Button} primary onClick=${stepped("half")} test=${`${test}-half`}>half-step<//>`}
    ${by.map((n) => html`<${Button} onClick=${stepped(n)} disabled=${disabled} label=${n === 1 ? `one ${unit}` : `${grouped(n)} ${unit}s`} test=${`${test}-${n}`}>\u00d7${grouped(n)}<//>`)}
    <${Button} onClick=${() => play(!playing)} pressed=${playing} disabled=${disabled} test=${`${test}-run`}>${playing ? "\u275a\u275a pause" : "\u25b6 run"}<//>
    <${Button} onClick=${restart} test=${`${test}-reset`} title="back to the start, with all counts at zero">start again<//>
  </div>`;
}

/** Where chains start, and the seed of their random numbers; both are in the link. */
export function Start() {
  const { state, change } = usePage();
  const { start, setStart } = useStart();
  const setSeed = (/** @type {number} */ seed) => change({ seed }, { merge: "seed" });
  return html`<div class="start">
    <span class="start-part"><span class="soft">start at v =</span> <${Bits} label="start" value=${[...start].map(Number)}
      onChange=${(/** @type {number[]} */ bits) => setStart(bits.join(""))} test="start" /></span>
    <span class="start-part"><${Seed} value=${state.seed} onChange=${setSeed} />
      <button type="button" class="link" data-test="new-seed" onClick=${() => setSeed((state.seed + 1) % LIMITS.seed)}>new seed</button></span>
  </div>`;
}

/** A number of sweeps, in words that a person would use. @param {{sweeps: number | null}} props */
export function Sweeps({ sweeps }) {
  if (sweeps === null) return html`more than 10<sup>13</sup> sweeps`;
  if (sweeps < 1e6) return html`${sweeps < 100 ? sweeps.toFixed(1) : grouped(Math.round(sweeps))} sweeps`;
  const power = Math.floor(Math.log10(sweeps));
  return html`${(sweeps / 10 ** power).toFixed(1)} \u00d7 10<sup>${power}</sup> sweeps`;
}
