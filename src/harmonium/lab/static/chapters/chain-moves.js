/** What the chapter is about at the moment; moving on: buttons, the start, the seed; and the distances on the way. */
import { Bits, Button, fixed, grouped, html, LIMITS, Seed, sized, useMemo, usePage, useWidth } from "../ui.js";
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

const [LEFT, RIGHT, TOP, BOTTOM] = [44, 10, 10, 34];
const LOWEST = 1e-7;

/** Distances over sweeps, both by powers of ten: what falls as one over the square root is a straight line here. */
export function Distances(/** @type {{lines: Line[], height?: number, test: string}} */ { lines, height = 210, test }) {
  const { place, width } = useWidth(220);
  const last = Math.max(100, ...lines.flatMap((line) => line.x.slice(-1)));
  const decades = Math.max(2, Math.ceil(Math.log10(last) - 1e-9));
  const seen = lines.filter((line) => !line.leaves).flatMap((line) => line.y.filter((y) => y !== null && y > 0).map(Number));
  const lowest = Math.max(LOWEST, Math.min(0.1, ...seen));
  const down = Math.ceil(-Math.log10(lowest) - 1e-9);
  const px = (/** @type {number} */ x) => LEFT + ((width - LEFT - RIGHT) * Math.log10(Math.max(1, x))) / decades;
  const py = (/** @type {number} */ y) => TOP + (height - TOP - BOTTOM) * Math.min(1, -Math.log10(Math.max(1e-12, y)) / down);
  const path = (/** @type {Line} */ { x, y }) =>
    x.map((sweeps, n) => [sweeps, y[n]]).filter((point) => point[1] !== null && Number(point[1]) >= 10 ** -down)
      .map(([sweeps, d], n) => `${n ? "L" : "M"}${px(Number(sweeps)).toFixed(1)} ${py(Number(d)).toFixed(1)}`).join("");
  const power = (/** @type {number} */ k) => html`10<tspan dy="-5" font-size="9">${String(k).replace("-", "\u2212")}</tspan>`;
  const said = lines.filter((line) => line.now !== null && line.now !== undefined).map((line) => `${line.label} ${fixed(line.now, 4)}`).join(", ");
  return html`<figure class="distances" data-test=${test}>
    <div class="plot" ref=${place}><svg width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`} role="img" aria-label=${`total variation distance over sweeps, both by powers of ten. ${said ? `Now: ${said}.` : "Nothing is drawn yet."}`}>
      ${Array.from({ length: decades + 1 }, (_, k) => html`<line class="grid" x1=${px(10 ** k)} x2=${px(10 ** k)} y1=${TOP} y2=${height - BOTTOM} />
        <text x=${px(10 ** k)} y=${height - BOTTOM + 15} text-anchor=${k === decades ? "end" : "middle"}>${k < 5 ? grouped(10 ** k) : power(k)}</text>`)}
      ${Array.from({ length: down + 1 }, (_, k) => html`<line class="grid" x1=${LEFT} x2=${width - RIGHT} y1=${py(10 ** -k)} y2=${py(10 ** -k)} />
        <text x=${LEFT - 6} y=${py(10 ** -k) + 4} text-anchor="end">${k < 5 ? (10 ** -k).toFixed(k) : power(-k)}</text>`)}
      <text x=${width - RIGHT} y=${height - 3} text-anchor="end">sweeps</text>
      ${lines.map((line) => html`<path class=${`line ${line.tone ?? ""}`} d=${path(line)} stroke-dasharray=${line.dash ?? "none"} />
        ${line.x.length === 1 && line.y[0] !== null && html`<circle class=${`dot ${line.tone ?? ""}`} cx=${px(line.x[0])} cy=${py(line.y[0])} r="2.5" />`}`)}
    </svg></div>
    <figcaption>${lines.map((line) => html`<span class="key"><svg width="26" height="8" aria-hidden="true"><path class=${`line ${line.tone ?? ""}`} d="M1 4H25" stroke-dasharray=${line.dash ?? "none"} /></svg>
      <span>${line.label}${line.now === null || line.now === undefined ? "" : html` <span class="num">${line.now < 1e-4 ? sized(line.now, 4) : fixed(line.now, 4)}</span>`}</span></span>`)}</figcaption>
  </figure>`;
}
