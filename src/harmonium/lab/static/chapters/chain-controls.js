/** Moving on: buttons, the start, the seed. */
import { html } from "../html.js";
import { grouped, indexed } from "../format.js";
import { usePage } from "../page.js";
import { LIMITS } from "../state.js";
import { Bits, Button, Num } from "../ui/controls.js";
import { useStart } from "./chain-start.js";

/** Buttons that move something on. @param {{moved: import("../ui/carried.js").Moved, by: number[], half?: boolean, unit?: string, disabled?: boolean, test: string}} props */
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
  const seed = (/** @type {number} */ s) => change({ seed: s }, { merge: "seed" });
  return html`<div class="start">
    <span class="start-part"><span class="soft">start at v =</span> <${Bits} label="start" value=${[...start].map(Number)} names=${[...start].map((_, i) => `start of ${indexed("v", i + 1)}`)}
      onChange=${(/** @type {number[]} */ bits) => setStart(bits.join(""))} test="start" /></span>
    <span class="start-part"><${Num} label="seed" value=${state.seed} least=${0} most=${LIMITS.seed - 1} step=${1} digits=${0} whole onChange=${seed} test="seed" />
      <button type="button" class="link" data-test="new-seed" onClick=${() => seed((state.seed + 1) % LIMITS.seed)}>new seed</button></span>
  </div>`;
}

/** A number of sweeps, in words that a person would use. @param {{sweeps: number | null}} props */
export function Sweeps({ sweeps }) {
  if (sweeps === null) return html`more than 10<sup>13</sup> sweeps`;
  if (sweeps < 1e6) return html`${sweeps < 100 ? sweeps.toFixed(1) : grouped(Math.round(sweeps))} sweeps`;
  const power = Math.floor(Math.log10(sweeps));
  return html`${(sweeps / 10 ** power).toFixed(1)} \u00d7 10<sup>${power}</sup> sweeps`;
}
