/** The table as a map: v down, h across, the darker the more probable. */
import { html } from "../html.js";
import { probability } from "../format.js";
import { usePage } from "../page.js";

const CELL = 16;

export function HeatMap() {
  const { table, hover, setHover } = usePage();
  const [vs, hs] = [table.visible.states, table.hidden.states];
  const largest = Math.max(...table.probability);
  const best = table.probability.indexOf(largest);
  const said = hover?.v && hover.h ? hover : { v: table.v[best], h: table.h[best] };
  const n = vs.indexOf(said.v ?? "") * hs.length + hs.indexOf(said.h ?? "");
  return html`<section class="card heat"><h3>The same as a map</h3>
    <svg viewBox=${`0 0 ${hs.length * CELL} ${vs.length * CELL}`} role="img" data-test="map"
      aria-label=${`p(v, h) as a map of ${vs.length} by ${hs.length} cells. The darkest is v ${table.v[best]}, h ${table.h[best]} with ${probability(largest)}.`}
      style=${`max-height:${Math.min(420, 26 * vs.length)}px`} onPointerLeave=${() => setHover(null)}>
      ${table.probability.map(
        (p, k) => html`<rect x=${(k % hs.length) * CELL} y=${Math.floor(k / hs.length) * CELL} width=${CELL} height=${CELL} style=${`fill-opacity:${p / largest}`}
          class=${k === n && hover?.v ? "lit" : ""} onPointerEnter=${() => setHover({ v: table.v[k], h: table.h[k] })} />`,
      )}
    </svg>
    <p class="soft">v down, h across. ${hover?.v && hover.h ? "Here" : "Darkest"}: v = ${said.v ?? ""}, h = ${said.h ?? ""}, p = <span class="num">${probability(table.probability[n])}</span></p>
  </section>`;
}
