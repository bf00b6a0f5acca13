/** Play with a machine: its response to a drawing, its completions, its fantasies. */
import { Bar, Button, Choice, Chooser, Error, fixed, Formula, grouped, html, usePage, useState } from "../ui.js";
import { useComputed } from "../compute.js";
import { Pad, readImage, useCalm } from "./images-drawing.js";
import { Gallery, Picture, usePictures } from "./images-picture.js";
import { useDream } from "./images-session.js";

/** Between two answers of a machine that is being trained. */
const AGAIN_MS = { draw: 1000, complete: 1500, dream: 5000 };
const MOST_UNITS = 64;

export function Draw(/** @type {Play} */ { which, shape, drawing, version, filters, hidden, open }) {
  const { state } = usePage();
  const calm = useCalm(version, AGAIN_MS.draw);
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

function Reconstruction(/** @type {{packed: Pictures, shape: Shape, draws: number}} */ { packed, shape, draws }) {
  const [bytes] = usePictures(packed);
  return html`<div class="one-picture" data-test="reconstruction"><${Picture} bytes=${bytes} height=${shape.height} width=${shape.width} label="The mean reconstruction of your drawing" /></div>
    <p class="soft">Once up to the hidden units and down again: E[v\u2032\u00a0|\u00a0v], a mean over ${draws} samples of h. Whatever the hidden units cannot express is lost.</p>`;
}

function Hidden(/** @type {{probabilities: number[], filters: Pictures | undefined, shape: Shape}} */ { probabilities, filters, shape }) {
  const pictures = usePictures(filters);
  const shown = probabilities.slice(0, MOST_UNITS);
  return html`<div class="units" role="list" data-test="hidden-answer">
      ${shown.map((p, j) => html`<span key=${j} role="listitem" aria-label=${`hidden unit ${j + 1}: ${fixed(p, 2)}`} title=${`hidden unit ${j + 1}: ${fixed(p, 3)}`} class=${p < 0.5 ? "off" : ""}>
        ${pictures[j] && html`<${Picture} bytes=${pictures[j]} height=${shape.height} width=${shape.width} signed label="" />`}<${Bar} share=${p} /></span>`)}
    </div>
    ${probabilities.length > shown.length && html`<p class="soft">The first ${shown.length} of ${probabilities.length}.</p>`}`;
}

function Probable(/** @type {{found: any, shape: Shape}} */ { found, shape }) {
  const share = (/** @type {string} */ name) => html`<strong class="num">${Math.round(100 * found.lessProbable[name])}%</strong>`;
  return html`<p data-test="free-energy"><${Formula} tex="F(v)" /> = <span class="num">${fixed(found.freeEnergy, 3)}</span> nats${found.logProbability !== null
      ? html`, so <${Formula} tex="\\ln p(v) = -F(v) - \\ln Z" /> = <span class="num" data-test="log-probability">${fixed(found.logProbability, 3)}</span>, exactly` : ""}.
    ${" "}The machine gives it a higher probability than ${shape.digits
      ? html`${share("digits")} of the held-out digits and ${share("noise")} of pictures with independent pixels`
      : html`${share("fantasies")} of its own fantasies, ${found.sweeps} sweeps from noise`}.</p>`;
}

const SETTLED_MS = 350;
/** Sweeps of a small machine's chains, and of a large one's. */
const [MOST, MOST_LARGE, LARGE] = [1000, 100, 100_000];
const SINGLES = 8;

/** A picture with a part erased, and how the machine completes it: Gibbs sampling with the known pixels clamped. @param {Play} props */
export function Complete({ which, shape, drawing, version, hidden }) {
  const { state } = usePage();
  const [draw, setDraw] = useState(0);
  const { bits, erased } = drawing;
  const some = erased.includes("1");
  const now = [...bits].map((bit, i) => (erased[i] === "1" ? "." : bit)).join("");
  const known = useCalm(now, SETTLED_MS);
  const calm = useCalm(version, AGAIN_MS.complete);
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

function Stage(/** @type {{stage: {sweeps: number, mean: Pictures}, height: number, width: number}} */ { stage, height, width }) {
  const [bytes] = usePictures(stage.mean);
  const words = `after ${grouped(stage.sweeps)} ${stage.sweeps === 1 ? "sweep" : "sweeps"}`;
  return html`<figure><${Picture} bytes=${bytes} height=${height} width=${width} label=${`Mean completion ${words}`} /><figcaption class="soft">${words}</figcaption></figure>`;
}

/** Fantasies: chains of the machine that run freely, from noise on, as one watches. @param {Play} props */
export function Dream({ which, shape, version }) {
  const { state, setting, changeSetting } = usePage();
  const [draw, setDraw] = useState(0);
  // Whoever wants no motion sees where the chains are after a hundred sweeps.
  const [on, setOn] = useState(!matchMedia("(prefers-reduced-motion: reduce)").matches);
  const { height, width, visible } = shape;
  const [most, atOnce] = on ? [Infinity, 1] : [100, 100];
  const { found, error } = useDream({ name: "fantasies", which, known: null, seed: state.seed + draw, most, atOnce, on: true, version: useCalm(version, AGAIN_MS.dream) });
  const means = setting("images", "means", true, [true, false]);
  const pictures = means ? found?.means : found?.samples;
  return html`<section class="card dream play" aria-label="Fantasies">
    <div class="card-head"><h3>Watch it dream</h3>
      <span class="buttons"><${Button} onClick=${() => setOn(!on)} test="dreaming">${on ? "pause" : "run"}<//> <${Button} onClick=${() => setDraw(draw + 1)} test="dream">from noise again<//></span></div>
    <p class="soft">${found && pictures ? html`${pictures.count} Gibbs chains that began at noise, after <span class="num" data-test="dream-sweeps">${grouped(found.sweeps)}</span> ${found.sweeps === 1 ? "sweep" : "sweeps"}${
      on && found.speed > 0 ? html`, <span class="num" data-test="dream-speed">${grouped(Math.round(found.speed))}</span> a second` : ""}. Nothing is clamped: the pictures are samples of p(v), approximately.` : "Running the chains \u2026"}</p>
    ${error && html`<${Error}>${error}.<//>`}
    <${Choice} label="show" value=${means} options=${[[true, "probabilities"], [false, "samples"]]} onChange=${(/** @type {boolean} */ x) => changeSetting("images", { means: x })} />
    ${pictures && pictures.bytes.length === pictures.count * visible && html`<${Gallery} packed=${pictures} height=${height} width=${width} what="fantasy" label="Fantasies of the machine" tile=${width > 16 ? 84 : 58} test="dreams" />`}
  </section>`;
}

const WIDTH = 420;
const HEIGHT = 120;
const FLOOR = 96;
const NAMES = /** @type {Record<string, string>} */ ({ digits: "held-out digits", noise: "independent pixels", fantasies: "the machine's fantasies" });

/** A picture's free energy among those of others. @param {{histogram: {edges: number[], shares: Record<string, number[]>}, at: number}} props */
function Histogram({ histogram, at }) {
  const { edges, shares } = histogram;
  const [least, most] = [edges[0], edges[edges.length - 1]];
  const tallest = Math.max(...Object.values(shares).flat(), 1e-9);
  const place = (/** @type {number} */ x) => 8 + ((WIDTH - 16) * (x - least)) / (most - least);
  const outside = at < least ? "left" : at > most ? "right" : "";
  const x = place(Math.min(most, Math.max(least, at)));
  const ticks = [0, 1, 2, 3, 4].map((n) => least + ((most - least) * n) / 4);
  return html`<figure class="histogram" data-test="histogram">
    <svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label=${`Free energies: of ${Object.keys(shares).map((name) => NAMES[name]).join(", of ")}; your drawing has ${fixed(at, 2)} nats`}>
      ${Object.entries(shares).map(([name, values]) => html`<g class=${`bars ${name}`}>
        ${values.map((share, n) => share > 0 && html`<rect x=${place(edges[n]) + 0.5} width=${Math.max(1, place(edges[n + 1]) - place(edges[n]) - 1)}
          y=${FLOOR - (share / tallest) * (FLOOR - 14)} height=${(share / tallest) * (FLOOR - 14)} />`)}
      </g>`)}
      <line class="floor" x1="8" x2=${WIDTH - 8} y1=${FLOOR} y2=${FLOOR} />
      ${ticks.map((value) => html`<text x=${place(value)} y=${HEIGHT - 8} text-anchor=${value === least ? "start" : value === most ? "end" : "middle"}>${fixed(value, 0)}</text>`)}
      <g class="here"><line x1=${x} x2=${x} y1="12" y2=${FLOOR + 4} />
        <path d=${outside === "left" ? `M${x + 2} 12l-9 5 9 5z` : outside === "right" ? `M${x - 2} 12l9 5-9 5z` : `M${x - 5} 4h10l-5 9z`} /></g>
    </svg>
    <figcaption class="soft">${Object.keys(shares).map((name) => html`<span class=${`key ${name}`}></span>${NAMES[name]} `)}<span class="key here"></span>your drawing. Free energy in nats; further to the left is more probable.</figcaption>
  </figure>`;
}
