/** A machine from a file: chosen here, or named on the command line. */
import { useEffect, useState } from "preact/hooks";
import { grouped } from "../format.js";
import { html } from "../html.js";
import { usePage } from "../page.js";
import { Button, Error } from "../ui/controls.js";
import { Filters } from "./images-filters.js";
import { Gallery } from "./images-picture.js";

/** @typedef {import("./images-picture.js").Packed} Packed */
/** @typedef {import("./images-room.js").Described} Described */

/** @param {{room: import("./images-room.js").Room, onLoaded: () => void, filters: Packed | null}} props */
export function FileCard({ room, onLoaded, filters }) {
  const { file, loading } = room;
  /** @param {any} event */
  const choose = async (event) => {
    const [chosen] = event.target.files ?? [];
    if (chosen && (await room.load(chosen))) onLoaded();
    event.target.value = "";
  };
  return html`<section class="card model-file" aria-label="A machine from a file">
    <div class="card-head"><h3>Any other machine</h3>
      <label class="button choose"><input type="file" accept=".safetensors" onChange=${choose} data-test="file" />choose a model file</label></div>
    <p>Training in the terminal writes a model file: <code>harmonium train DATA</code> writes <code>model.safetensors</code>, and
      ${" "}<code>harmonium lab MODEL</code> opens this page with it. The file does not leave this computer.</p>
    <div aria-live="polite">${loading > 0 && html`<p class="status"><progress max="1" value=${loading} aria-label="loading the file"></progress></p>`}</div>
    ${room.fileProblem && html`<div data-test="file-problem"><${Error}>${room.fileProblem}.<//></div>`}
    ${file && html`<${About} file=${file} filters=${filters} />`}
  </section>`;
}

/** @param {{file: Described, filters: Packed | null}} props */
function About({ file, filters }) {
  const { ask } = usePage();
  const [seed, setSeed] = useState(0);
  const [found, setFound] = useState(/** @type {{chains: Packed, means: Packed, how: string} | null} */ (null));
  useEffect(() => setFound(null), [file]);
  useEffect(() => {
    let current = true;
    ask("images.fantasies", { which: "file", seed }, { latest: "images.fantasies" }).then((answer) => current && setFound(answer), () => {});
    return () => {
      current = false;
    };
  }, [file, seed]);
  const { height, width } = file;
  const tile = width > 16 ? 84 : 58;
  return html`<p data-test="file-about"><strong>${file.name}</strong>: ${grouped(file.visible)} ${file.visible_kind} visible and ${grouped(file.hidden)} ${file.hidden_kind} hidden units${file.trained_on ? `, trained on ${file.trained_on}` : ""}${file.updates ? ` for ${grouped(file.updates)} updates` : ""}. ${shape(file)}</p>
    <div class="shown">
      <div><h4>Filters${filters && filters.count < file.hidden ? `: the first ${filters.count} of ${file.hidden}` : ""}</h4><${Filters} packed=${filters} height=${height} width=${width} of=${file.hidden} test="file-filters" /></div>
      <div><div class="card-head"><h4>Fantasies</h4> <${Button} onClick=${() => setSeed(seed + 1)} test="dream">draw again<//></div>
        <${Gallery} packed=${found?.means} height=${height} width=${width} what="fantasy" label="Fantasies of the machine" tile=${tile} test="file-fantasies" />
        <p class="soft">${found ? `Probabilities of the pixels in the last half-step; the pictures are ${found.how}.` : ""}</p></div>
    </div>`;
}

/** How its units are laid out. @param {Described} file */
function shape({ height, width, shape_from, visible }) {
  if (shape_from === "file") return `Its pictures have ${height} by ${width} pixels, as the file says.`;
  if (shape_from === "square") return `The file names no shape; ${visible} is a square, so its units are shown as ${height} by ${width} pixels.`;
  return `The file names no shape: its units are shown row by row on a grid of ${height} by ${width}, an arbitrary layout.`;
}
