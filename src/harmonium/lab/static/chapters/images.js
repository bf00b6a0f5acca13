/** Chapter 6: the same machine on real images, too large for any table. */
import { Card, Choice, Chooser, Error, grouped, html, usePage, Words } from "../ui.js";
import { useDrawing } from "./images-drawing.js";
import { Filters } from "./images-picture.js";
import { Complete, Draw, Dream } from "./images-play.js";
import { useSession } from "./images-session.js";
import { Train } from "./images-train.js";

const DIGITS = { height: 8, width: 8, visible: 64, digits: true };

export const chapter = { id: "images", title: "Real images", wide: true, Chapter: Images };

function Images() {
  const session = useSession();
  const { file } = session;
  return html`<${Words} of="images" parts=${{ Card, Train, Play }} session=${session} loaded=${file && html`<p class="soft" data-test="loaded"><strong>${file.name}</strong> is loaded: ${grouped(file.visible)} visible and ${grouped(file.hidden)} hidden units.
    ${" "}<button type="button" class="link" onClick=${() => document.getElementById("images-play")?.scrollIntoView({ block: "center" })}>Play with it below</button>, or train one here on digits.</p>`} />`;
}

/** Draw, complete and dream, with the machine trained here, at first one trained beforehand, or with the file's. */
function Play(/** @type {{session: Session}} */ { session }) {
  const { setting, changeSetting } = usePage();
  const { view, pretrained, file, run } = session;
  const which = /** @type {"training" | "file"} */ (file && setting("images", "which", "file") === "file" ? "file" : "training");
  const shape = which === "file" && file ? file : DIGITS;
  const drawing = useDrawing(which, shape);
  const here = view ? "the machine trained here" : "the machine trained beforehand";
  const open = async (/** @type {File} */ chosen) => {
    if (await session.open(chosen)) changeSetting("images", { which: "file" });
  };
  const play = {
    which,
    shape,
    drawing,
    open,
    version: which === "file" && file ? file.name : `${run}:${view?.history.step.length}`,
    filters: (which === "file" ? file : view ? view.pictures : pretrained)?.filters,
    hidden: (which === "file" ? file?.hidden : view ? view.settings.hidden : pretrained?.hidden) ?? 0,
  };
  return html`
    <div class="play-head">
      <h3 class="part">Play with it</h3>
      ${file ? html`<${Choice} label="play with" value=${which} options=${[["training", here], ["file", file.name]]}
        onChange=${(/** @type {string} */ x) => changeSetting("images", { which: x })} test="which" />`
        : html`<span class="soft">with ${view ? here : html`a machine of 20 hidden units, trained beforehand with <code>harmonium train digits</code>; training one here replaces it`}</span>`}
    </div>
    <${Draw} ...${play} />
    <p>A chain with some pixels clamped samples from p(unknown | known): the conditional distribution needs no other machine and no extra training.
      Each sweep samples h given all pixels, then the unknown pixels given h.</p>
    <${Complete} ...${play} />
    <${Card} id="gray-mean" />
    <${Dream} ...${play} />
    <${FileCard} session=${session} open=${open} />
  `;
}

/** A machine from a model file, which never leaves the browser. @param {{session: Session, open: (file: File) => void}} props */
function FileCard({ session, open }) {
  const { file } = session;
  return html`<section class="card model-file" aria-label="A machine from a file" onDragOver=${(/** @type {DragEvent} */ e) => e.preventDefault()}
      onDrop=${(/** @type {DragEvent} */ e) => (e.preventDefault(), e.dataTransfer?.files[0] && open(e.dataTransfer.files[0]))}>
    <div class="card-head"><h3>Any other machine</h3><${Chooser} accept=".safetensors" onChoose=${open} test="file">open a model file<//></div>
    <p>Training in the terminal writes a model file: <code>harmonium train DATA</code> writes <code>model.safetensors</code>, and
      ${" "}<code>harmonium lab MODEL</code> opens this page with it. The file does not leave this computer.</p>
    ${session.fileProblem && html`<div data-test="file-problem"><${Error}>${session.fileProblem}.<//></div>`}
    ${file && html`<${About} file=${file} />`}
  </section>`;
}

function About(/** @type {{file: Described}} */ { file }) {
  const { height, width, filters, trainedOn, updates } = file;
  return html`<p data-test="file-about"><strong>${file.name}</strong>: ${grouped(file.visible)} ${file.kinds[0]} visible and ${grouped(file.hidden)} ${file.kinds[1]} hidden units${trainedOn ? `, trained on ${trainedOn}` : ""}${updates ? ` for ${grouped(updates)} updates` : ""}. ${shape(file)}</p>
    <h4>Filters${filters.count < file.hidden ? `: the first ${filters.count} of ${grouped(file.hidden)}` : ""}</h4>
    <${Filters} packed=${filters} height=${height} width=${width} of=${file.hidden} test="file-filters" />`;
}

/** How its units are laid out. @param {Described} file */
function shape({ height, width, shapeFrom, visible }) {
  if (shapeFrom === "file") return `Its pictures have ${height} by ${width} pixels, as the file says.`;
  if (shapeFrom === "square") return `The file names no shape; ${visible} is a square, so its units are shown as ${height} by ${width} pixels.`;
  return `The file names no shape: its units are shown row by row on a grid of ${height} by ${width}, an arbitrary layout.`;
}
