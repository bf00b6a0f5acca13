/** The table as a map: v down, h across, the darker the more probable. */
import { useMemo } from "preact/hooks";
import { html } from "../html.js";
import { probability } from "../format.js";
import { usePage } from "../page.js";
import { Cells } from "./chain-cells.js";

const CELL = 16;

export function HeatMap() {
  const { table, hover, setHover } = usePage();
  const [vs, hs] = [table.visible.states, table.hidden.states];
  const largest = Math.max(...table.probability);
  const best = table.probability.indexOf(largest);
  const said = hover?.v && hover.h ? hover : { v: table.v[best], h: table.h[best] };
  const n = vs.indexOf(said.v ?? "") * hs.length + hs.indexOf(said.h ?? "");
  const shades = useMemo(() => table.probability.map((p) => p / largest), [table]);
  const point = (/** @type {any} */ event) => {
    const { left, top, width, height } = event.currentTarget.getBoundingClientRect();
    const at = (/** @type {number} */ share, /** @type {number} */ count) => Math.min(count - 1, Math.max(0, Math.floor(share * count)));
    const [v, h] = [vs[at((event.clientY - top) / height, vs.length)], hs[at((event.clientX - left) / width, hs.length)]];
    if (hover?.v !== v || hover.h !== h) setHover({ v, h });
  };
  return html`<section class="card heat"><h3>The same as a map</h3>
    <div class="map" style=${`aspect-ratio:${hs.length} / ${vs.length};max-height:${Math.min(420, 26 * vs.length)}px`} onPointerMove=${point} onPointerLeave=${() => setHover(null)}>
      <${Cells} values=${shades} columns=${hs.length} rows=${vs.length} cell=${CELL} test="map"
        label=${`p(v, h) as a map of ${vs.length} by ${hs.length} cells. The darkest is v ${table.v[best]}, h ${table.h[best]} with ${probability(largest)}.`} />
      ${hover?.v && n >= 0 && html`<span class="lit" style=${`left:${(100 * (n % hs.length)) / hs.length}%;top:${(100 * Math.floor(n / hs.length)) / vs.length}%;width:${100 / hs.length}%;height:${100 / vs.length}%`}></span>`}
    </div>
    <p class="soft">v down, h across. ${hover?.v && hover.h ? "Here" : "Darkest"}: v = ${said.v ?? ""}, h = ${said.h ?? ""}, p = <span class="num">${probability(table.probability[n])}</span></p>
  </section>`;
}
