/** The machine as a drawing: units, and edges as wide as their weights. Positive weights are whole lines, negative ones dashed. */
import { fixed, html, indexed, LIMITS, plain, useEffect, usePage, useRef, useState } from "../page.js";
import { moved } from "./controls.js";

const WIDTH = 380;
const [TOP, BOTTOM] = [46, 184];
const RADIUS = 20;
const PER_PIXEL = 0.02;
/** A press that moves less, in pixels, chooses an edge and changes nothing. */
const STILL = 3;

let sample = /** @type {Sample} */ (null);
const watchers = /** @type {Set<(sample: Sample) => void>} */ (new Set());

export function showSample(/** @type {Sample} */ next) {
  sample = next;
  for (const watch of watchers) watch(next);
}

function useSample() {
  const [shown, setShown] = useState(sample);
  useEffect(() => {
    watchers.add(setShown);
    return () => void watchers.delete(setShown);
  }, []);
  return shown;
}

/** `chosen`: the parameter that was chosen in the panel, if any. @param {{chosen: Place | null, onSelect: (place: Place) => void, onWeight: (place: Place, w: number) => void}} props */
export function Network({ chosen, onSelect, onWeight }) {
  const { state, table, hover: pointed } = usePage();
  const sampled = useSample();
  const hover = /** @type {Hover} */ (pointed ?? sampled);
  const mean = table.given_mean ?? table.mean;
  const { weights, a, b } = state.machine;
  const places = { v: a.map((_, i) => place(i, a.length)), h: b.map((_, j) => place(j, b.length)) };
  const labelled = a.length * b.length <= 6;
  const lit = (/** @type {number} */ i, /** @type {number} */ j) => (hover?.edge?.[0] === i && hover.edge[1] === j) || (hover?.v?.[i] === "1" && hover?.h?.[j] === "1");
  return html`<svg class="network" viewBox=${`0 0 ${WIDTH} ${BOTTOM + TOP}`} role="group" aria-label="The network. Drag an edge up or right to raise its weight, down or left to lower it; press a unit to hold it.">
    ${weights.map((row, i) => row.map((w, j) => html`<${Edge} key=${`${i},${j}`} i=${i} j=${j} w=${w} from=${places.v[i]} to=${places.h[j]} lit=${lit(i, j)} labelled=${labelled}
      chosen=${chosen?.[0] === "w" && chosen[1] === i && chosen[2] === j} onSelect=${() => onSelect(["w", i, j])} onWeight=${(/** @type {number} */ x) => onWeight(["w", i, j], x)} />`))}
    ${b.map((_, j) => html`<${Unit} key=${`h${j}`} layer="h" i=${j} x=${places.h[j]} y=${TOP} mean=${mean.h[j]} bit=${hover?.h?.[j]} />`)}
    ${a.map((_, i) => html`<${Unit} key=${`v${i}`} layer="v" i=${i} x=${places.v[i]} y=${BOTTOM} mean=${mean.v[i]} bit=${hover?.v?.[i]} />`)}
  </svg>`;
}

const place = (/** @type {number} */ i, /** @type {number} */ n) => (WIDTH * (i + 0.5)) / n + (n === 2 ? (i === 0 ? 20 : -20) : 0);

/** @param {{i: number, j: number, w: number, from: number, to: number, lit: boolean, labelled: boolean, chosen: boolean, onSelect: () => void, onWeight: (w: number) => void}} props */
function Edge({ i, j, w, from, to, lit, labelled, chosen, onSelect, onWeight }) {
  const { hover, setHover } = usePage();
  const dragged = useRef(/** @type {{x: number, y: number, w: number, moving: boolean} | null} */ (null));
  const down = (/** @type {PointerEvent} */ e) => {
    // A finger that begins here may want to scroll the page: it drags what a tap has chosen before.
    if (e.pointerType === "touch" && !chosen) return;
    /** @type {Element} */ (e.currentTarget).setPointerCapture(e.pointerId);
    dragged.current = { x: e.clientX, y: e.clientY, w, moving: false };
    onSelect();
  };
  const move = (/** @type {PointerEvent} */ e) => {
    const start = dragged.current;
    if (!start) return;
    const by = start.y - e.clientY + e.clientX - start.x;
    start.moving ||= Math.abs(by) >= STILL;
    if (start.moving) onWeight(Math.round(moved(start.w, by * PER_PIXEL, -LIMITS.parameter, LIMITS.parameter) * 100) / 100);
  };
  const up = () => (dragged.current = null);
  // Browsers heed no touch-action within a drawing.
  const stay = (/** @type {TouchEvent} */ e) => dragged.current && e.preventDefault();
  const keyed = (/** @type {KeyboardEvent} */ e) => {
    const by = { ArrowUp: 0.1, ArrowRight: 0.1, ArrowDown: -0.1, ArrowLeft: -0.1, PageUp: 1, PageDown: -1 }[e.key];
    if (by === undefined && e.key !== "0") return;
    e.preventDefault();
    e.stopPropagation();
    onWeight(by === undefined ? 0 : moved(w, by * (e.shiftKey ? 10 : 1), -LIMITS.parameter, LIMITS.parameter));
  };
  const pointed = hover?.edge?.[0] === i && hover?.edge?.[1] === j;
  // Labels sit off the middle, where edges cross.
  const at = 0.3;
  return html`<g class=${`edge ${w < 0 ? "minus" : "plus"}${lit ? " lit" : ""}`} role="slider" tabindex="0" aria-label=${indexed("w", i + 1, j + 1)}
    aria-valuenow=${w} aria-valuemin=${-LIMITS.parameter} aria-valuemax=${LIMITS.parameter} aria-valuetext=${plain(w)} data-test=${`edge-${i}-${j}`}
    onPointerDown=${down} onPointerMove=${move} onPointerUp=${up} onPointerCancel=${up} onTouchMove=${stay} onClick=${onSelect} onKeyDown=${keyed} onFocus=${onSelect}
    onPointerEnter=${() => setHover({ edge: [i, j] })} onPointerLeave=${() => setHover(null)}>
    <line class="reach" x1=${from} y1=${BOTTOM} x2=${to} y2=${TOP} />
    <line class="line" x1=${from} y1=${BOTTOM} x2=${to} y2=${TOP} stroke-width=${w === 0 ? 1 : Math.min(12, 1.5 + 3 * Math.abs(w))} />
    ${(labelled || pointed) && html`<text class="weight" x=${from + at * (to - from)} y=${BOTTOM + at * (TOP - BOTTOM) + 4} text-anchor="middle">${fixed(w, 2)}</text>`}
  </g>`;
}

function Unit(/** @type {{layer: "v" | "h", i: number, x: number, y: number, mean: number, bit?: string}} */ { layer, i, x, y, mean, bit }) {
  const { state, change, hover, setHover } = usePage();
  const held = state.clamp[layer][i];
  const pointed = hover?.unit?.[0] === layer && hover.unit[1] === i;
  const shown = held === null ? bit : String(held);
  const toggle = () => {
    const next = held === null ? 1 : held === 1 ? 0 : null;
    change({ clamp: { ...state.clamp, [layer]: state.clamp[layer].map((k, n) => (n === i ? next : k)) } });
  };
  const name = indexed(layer, i + 1);
  const said = held === null ? `free, expectation ${fixed(mean, 3)}` : `held at ${held}`;
  const y_text = layer === "h" ? y - RADIUS - 10 : y + RADIUS + 20;
  return html`<g class=${`unit${held !== null ? " held" : ""}${pointed ? " lit" : ""}${shown ? (shown === "1" ? " one" : " zero") : ""}`}
    role="button" tabindex="0" aria-label=${`${name}: ${said}. Press to hold it at 1, at 0, or let it go`} data-test=${`unit-${layer}-${i}`}
    onClick=${toggle} onKeyDown=${(/** @type {KeyboardEvent} */ e) => (e.key === "Enter" || e.key === " ") && (e.preventDefault(), toggle())}
    onPointerEnter=${() => setHover({ unit: [layer, i] })} onPointerLeave=${() => setHover(null)}>
    <circle class="rim" cx=${x} cy=${y} r=${RADIUS} />
    <circle class="level" cx=${x} cy=${y} r=${RADIUS - 4} style=${`fill-opacity:${(held ?? mean ?? 0) * 0.55}`} />
    <text class="name" x=${x} y=${y + 5} text-anchor="middle">${shown ?? name}</text>
    <text class="mean" x=${x} y=${y_text} text-anchor="middle">${held === null ? `\u27e8${name}\u27e9 = ${fixed(mean, 3)}` : `${name} held at ${held}`}</text>
  </g>`;
}
