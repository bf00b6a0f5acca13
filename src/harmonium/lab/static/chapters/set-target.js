/** The target: each pattern is a picture to include or not and a bar to drag. */
import { Button, Choice, html, Num, probability, usePage, useRef, useState } from "../ui.js";
import { Tile } from "./set-results.js";
import { FIRST_PATTERNS, learnText } from "./set-training.js";

const SIZES = [[2, "2"], [3, "3"], [4, "2\u00d72"], [5, "5"], [9, "3\u00d73"]];
const MOST_HEIGHT = 100;
const KEY_STEP = 0.1;

export function TargetEditor(/** @type {{target: Target}} */ { target }) {
  const { changeSetting } = usePage();
  const [chosen, setChosen] = useState("");
  const [said, setSaid] = useState("");
  const cells = useRef(/** @type {HTMLElement | null} */ (null));
  const { patterns, heights, columns, visible } = target;
  const n = Math.max(0, patterns.indexOf(chosen));
  const top = Math.max(1, ...heights);

  const put = (/** @type {number} */ place, /** @type {number} */ height) => {
    setChosen(patterns[place]);
    const next = heights.map((old, k) => (k === place ? Math.min(MOST_HEIGHT, Math.max(0, Number(height.toFixed(3)))) : old));
    if (next.every((x) => x === 0)) return setSaid("At least one pattern must remain.");
    setSaid("");
    if (next[place] !== heights[place]) changeSetting("set", { learn: learnText(patterns, next) });
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event, /** @type {number} */ place) => {
    const by = { ArrowUp: KEY_STEP, ArrowDown: -KEY_STEP }[event.key];
    const to = { ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: patterns.length - 1 }[event.key];
    if (by === undefined && to === undefined) return;
    event.preventDefault();
    if (by !== undefined) put(place, heights[place] + by * top);
    else cells.current?.querySelectorAll("button")[Number(to)]?.focus();
  };

  return html`<div class="target" data-test="target">
    <div class="card-head"><h3>What to learn</h3>
      <span class="sizes-and-more"><${Choice} label="pixels" value=${visible} options=${SIZES} test="pixels"
        onChange=${(/** @type {number} */ V) => V !== visible && (setSaid(""), changeSetting("set", { learn: FIRST_PATTERNS[V] }))} />
      <${Button} onClick=${() => changeSetting("set", { learn: learnText(patterns, heights.map((x) => (x > 0 ? 1 : 0))) })} disabled=${heights.every((x) => x === 0 || x === 1)} test="even">make all equal<//></span></div>
    <div class="patterns" role="group" aria-label="patterns to learn: left and right arrow keys move, the space bar includes or excludes, up and down change the height" ref=${cells}>
      ${patterns.map((bits, k) => html`<div key=${bits} class=${`pattern${heights[k] > 0 ? " learned" : ""}${k === n ? " chosen" : ""}`} data-test=${`pattern-${bits}`}>
        <${Height} share=${heights[k] / top} onChange=${(/** @type {number} */ share) => put(k, share * top)} />
        <button type="button" aria-pressed=${heights[k] > 0 ? "true" : "false"} aria-label=${`${bits}, share ${probability(target.target[k], 4)}`} tabindex=${k === n ? 0 : -1}
          onClick=${() => put(k, heights[k] > 0 ? 0 : 1)} onKeyDown=${(/** @type {KeyboardEvent} */ e) => onKeyDown(e, k)} onFocus=${() => setChosen(bits)}>
          <${Tile} bits=${bits} columns=${columns} /></button>
      </div>`)}
    </div>
    <p class="chosen-line"><span>v = ${patterns[n]}</span>
      <${Num} label="height" value=${heights[n]} least=${0} most=${MOST_HEIGHT} step=${KEY_STEP} digits=${3} onChange=${(/** @type {number} */ x) => put(n, x)} test="height" />
      <span>share q(v) = <span class="num" data-test="share">${probability(target.target[n])}</span></span>
      <span class="soft">Click a picture to include or exclude it; drag its bar, or use the arrow keys, to set how often it occurs.</span></p>
    ${said && html`<p class="soft" role="status">${said}</p>`}
  </div>`;
}

/** A bar to drag up and down. Its picture's button and the number field do the same by keys. */
function Height(/** @type {{share: number, onChange: (share: number) => void}} */ { share, onChange }) {
  const move = (/** @type {any} */ { pointerId, clientY, currentTarget }) => {
    const { bottom, height } = currentTarget.getBoundingClientRect();
    if (currentTarget.hasPointerCapture(pointerId)) onChange(Number(Math.min(1, Math.max(0, (bottom - clientY) / height)).toFixed(2)));
  };
  const down = (/** @type {any} */ event) => {
    event.currentTarget.setPointerCapture(event.pointerId);
    move(event);
  };
  return html`<div class="height" aria-hidden="true" onPointerDown=${down} onPointerMove=${move}><span class="fill" style=${`height:${100 * share}%`}></span></div>`;
}
