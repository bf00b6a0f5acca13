/** A picture with a part erased, and how the machine completes it: Gibbs sampling with the known pixels clamped. */
import { Button, Error, grouped, html, usePage, useState } from "../ui.js";
import { useCalm } from "./images-drawing.js";
import { Pad } from "./images-pad.js";
import { Gallery, Picture, usePictures } from "./images-picture.js";
import { useDream } from "./images-session.js";

const AGAIN_MS = 1500;
const SETTLED_MS = 350;
/** Sweeps of a small machine's chains, and of a large one's. */
const [MOST, MOST_LARGE, LARGE] = [1000, 100, 100_000];
const SINGLES = 8;

/** @param {Play} props */
export function Complete({ which, shape, drawing, version, hidden }) {
  const { state } = usePage();
  const [draw, setDraw] = useState(0);
  const { bits, erased } = drawing;
  const some = erased.includes("1");
  const now = [...bits].map((bit, i) => (erased[i] === "1" ? "." : bit)).join("");
  const known = useCalm(now, SETTLED_MS);
  const calm = useCalm(version, AGAIN_MS);
  const { height, width, visible } = shape;
  const most = visible * hidden > LARGE ? MOST_LARGE : MOST;
  const dream = useDream({ name: "completion", which, known, seed: state.seed + 10 * draw, most, on: some && known.length === visible, version: calm });
  const found = some && dream.found?.known?.length === visible ? dream.found : null;
  const halves = /** @type {[string, (row: number, column: number) => boolean][]} */ ([
    ["upper", (row) => row < height / 2],
    ["lower", (row) => row >= height / 2],
    ["left", (_, column) => column < width / 2],
    ["right", (_, column) => column >= width / 2],
  ]);
  return html`<section class="card complete play" aria-label="Complete">
    <div class="card-head"><h3>Erase a part and let the machine complete it</h3>
      <span class="buttons">${halves.map(([name, inside]) => html`<${Button} onClick=${() => drawing.half(inside)} test=${`erase-${name}`}>${name} half<//> `)}
        <${Button} onClick=${drawing.restore} disabled=${!some} test="restore">restore all<//></span></div>
    <div class="bench two">
      <div>
        <${Pad} height=${height} width=${width} bits=${bits} erased=${erased} values=${erased} onPaint=${drawing.erase} label="What is known of your drawing" what=${["known", "unknown"]} test="mask" />
        <p class="soft">Hatched pixels are unknown to the machine; all others are clamped. Draw to erase more or to bring pixels back.</p>
      </div>
      ${dream.error && some && html`<${Error}>${dream.error}.<//>`}
      ${found ? html`<div class=${found.known === now ? "completion" : "completion stale"} data-test="completion" data-known=${found.known} data-sweeps=${found.sweeps} data-most=${most}>
          <h4>The mean of ${found.chains} chains</h4>
          <div class="stages" data-test="stages">${found.stages.map((stage) => html`<${Stage} key=${stage.sweeps} stage=${stage} height=${height} width=${width} />`)}</div>
          <div class="card-head"><h4>Single chains after ${grouped(found.sweeps)} sweeps</h4> <${Button} onClick=${() => setDraw(draw + 1)} test="toss">draw again<//></div>
          <${Gallery} packed=${found.samples} height=${height} width=${width} what="completion" label="Single completions" tile=${78} most=${SINGLES} test="singles" />
        </div>`
        : html`<p class="soft wait-machine">${some ? "Running the chains \u2026" : "Erase a half of the drawing, or any pixels."}</p>`}
    </div>
  </section>`;
}

/** @param {{stage: {sweeps: number, mean: Pictures}, height: number, width: number}} props */
function Stage({ stage, height, width }) {
  const [bytes] = usePictures(stage.mean);
  const words = `after ${grouped(stage.sweeps)} ${stage.sweeps === 1 ? "sweep" : "sweeps"}`;
  return html`<figure><${Picture} bytes=${bytes} height=${height} width=${width} label=${`Mean completion ${words}`} /><figcaption class="soft">${words}</figcaption></figure>`;
}
