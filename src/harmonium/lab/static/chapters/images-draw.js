/** A drawing, and the machine's response. */
import { Bar, Button, Error, fixed, Formula, html, usePage, useState } from "../ui.js";
import { useComputed } from "../compute.js";
import { useCalm } from "./images-drawing.js";
import { Chooser, readImage } from "./images-file.js";
import { Histogram } from "./images-histogram.js";
import { Pad } from "./images-pad.js";
import { Picture, usePictures } from "./images-picture.js";

const AGAIN_MS = 1000;
const MOST_UNITS = 64;

/** @param {Play} props */
export function Draw({ which, shape, drawing, version, filters, hidden, open }) {
  const { state } = usePage();
  const calm = useCalm(version, AGAIN_MS);
  const { answer, error } = useComputed("respond", [which, drawing.bits, state.seed], [calm]);
  const found = answer?.bits.length === shape.visible && answer.hidden.length === hidden ? answer : null;
  const now = found?.bits === drawing.bits ? "" : "stale";
  const [said, setSaid] = useState("");
  /** A model file, or an image that becomes the drawing. @param {File | undefined} file */
  const take = async (file) => {
    setSaid("");
    if (!file) return;
    if (file.name.endsWith(".safetensors")) return open(file);
    try {
      drawing.put(await readImage(file, shape));
    } catch (problem) {
      setSaid(/** @type {globalThis.Error} */ (problem).message);
    }
  };
  const thing = shape.digits ? "digit" : "picture";
  return html`<section class="card draw play" aria-label="Draw" id="images-play" onDragOver=${(/** @type {DragEvent} */ e) => e.preventDefault()}
      onDrop=${(/** @type {DragEvent} */ e) => (e.preventDefault(), take(e.dataTransfer?.files[0]))}>
    <div class="card-head"><h3>Draw a ${thing}</h3>
      <span class="buttons"><${Button} onClick=${drawing.another} test="another">${shape.digits ? "another held-out digit" : "another of its fantasies"}<//>
        <${Chooser} accept="image/*" onChoose=${take} test="image">open an image<//>
        <${Button} onClick=${drawing.clear} test="clear">clear<//></span></div>
    ${said && html`<div data-test="image-problem"><${Error}>${said}.<//></div>`}
    <div class="bench">
      <div>
        <${Pad} height=${shape.height} width=${shape.width} bits=${drawing.bits} values=${drawing.bits} onPaint=${drawing.draw} label="Your drawing" test="pad" />
        <p class="soft">Draw with the mouse or a finger. With the keyboard: arrow keys move, the space bar flips a pixel.
          An image of your own can be dropped here. It stays in this browser.</p>
      </div>
      ${error && html`<${Error}>${error}.<//>`}
      ${found && html`<div class=${now}>
        <h4>Its reconstruction</h4>
        <${Reconstruction} packed=${found.reconstruction} shape=${shape} draws=${found.draws} />
      </div>
      <div class=${`answers ${now}`} data-test="answers">
        <h4>Which hidden units are active: p(h\u2c7c = 1 | v)</h4>
        <${Hidden} probabilities=${found.hidden} filters=${filters} shape=${shape} />
        <h4>How probable it is</h4>
        <${Histogram} histogram=${found.histogram} at=${found.freeEnergy} />
        <${Probable} found=${found} shape=${shape} />
      </div>`}
    </div>
  </section>`;
}

/** @param {{packed: Pictures, shape: Shape, draws: number}} props */
function Reconstruction({ packed, shape, draws }) {
  const [bytes] = usePictures(packed);
  return html`<div class="one-picture" data-test="reconstruction"><${Picture} bytes=${bytes} height=${shape.height} width=${shape.width} label="The mean reconstruction of your drawing" /></div>
    <p class="soft">Once up to the hidden units and down again: E[v\u2032\u00a0|\u00a0v], a mean over ${draws} samples of h. Whatever the hidden units cannot express is lost.</p>`;
}

/** @param {{probabilities: number[], filters: Pictures | undefined, shape: Shape}} props */
function Hidden({ probabilities, filters, shape }) {
  const pictures = usePictures(filters);
  const shown = probabilities.slice(0, MOST_UNITS);
  return html`<div class="units" role="list" data-test="hidden-answer">
      ${shown.map((p, j) => html`<span key=${j} role="listitem" aria-label=${`hidden unit ${j + 1}: ${fixed(p, 2)}`} title=${`hidden unit ${j + 1}: ${fixed(p, 3)}`} class=${p < 0.5 ? "off" : ""}>
        ${pictures[j] && html`<${Picture} bytes=${pictures[j]} height=${shape.height} width=${shape.width} signed label="" />`}<${Bar} share=${p} /></span>`)}
    </div>
    ${probabilities.length > shown.length && html`<p class="soft">The first ${shown.length} of ${probabilities.length}.</p>`}`;
}

/** @param {{found: any, shape: Shape}} props */
function Probable({ found, shape }) {
  const share = (/** @type {string} */ name) => html`<strong class="num">${Math.round(100 * found.lessProbable[name])}%</strong>`;
  return html`<p data-test="free-energy"><${Formula} tex="F(v)" /> = <span class="num">${fixed(found.freeEnergy, 3)}</span> nats${found.logProbability !== null
      ? html`, so <${Formula} tex="\\ln p(v) = -F(v) - \\ln Z" /> = <span class="num" data-test="log-probability">${fixed(found.logProbability, 3)}</span>, exactly` : ""}.
    ${" "}The machine gives it a higher probability than ${shape.digits
      ? html`${share("digits")} of the held-out digits and ${share("noise")} of pictures with independent pixels`
      : html`${share("fantasies")} of its own fantasies, ${found.sweeps} sweeps from noise`}.</p>`;
}
