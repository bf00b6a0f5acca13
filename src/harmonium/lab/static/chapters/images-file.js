/** Files of one's own, which never leave the browser: a machine from a model file, an image as a drawing. */
import { Error, grouped, html } from "../ui.js";
import { Filters } from "./images-filters.js";

/** @param {{session: Session, open: (file: File) => void}} props */
export function FileCard({ session, open }) {
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

/** @param {{accept: string, onChoose: (file: File) => void, test: string, children?: any}} props */
export function Chooser({ accept, onChoose, test, children }) {
  return html`<label class="button choose"><input type="file" accept=${accept} data-test=${test}
    onChange=${(/** @type {any} */ e) => (e.target.files?.[0] && onChoose(e.target.files[0]), (e.target.value = ""))} />${children}</label>`;
}

/** @param {{file: Described}} props */
function About({ file }) {
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

/** An image as bits, scaled to the machine's pixels: ink where it differs from its border by more than half of what it differs at most.
 * @param {File} file @param {{height: number, width: number, visible: number}} shape */
export async function readImage(file, { height, width, visible }) {
  let image;
  try {
    image = await createImageBitmap(file);
  } catch {
    throw new globalThis.Error(`${file.name} is not an image that this browser can read; use PNG or JPEG`);
  }
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  if (!pen) throw new globalThis.Error("this browser has no canvas to read an image with");
  // What is transparent is paper. Sizes are halved step by step, because browsers skip pixels where they shrink by more.
  let source = /** @type {ImageBitmap | HTMLCanvasElement} */ (image);
  while (source.width > 2 * width && source.height > 2 * height) {
    const half = Object.assign(document.createElement("canvas"), { width: source.width >> 1, height: source.height >> 1 });
    half.getContext("2d")?.drawImage(source, 0, 0, half.width, half.height);
    source = half;
  }
  pen.fillStyle = "white";
  pen.fillRect(0, 0, width, height);
  pen.drawImage(source, 0, 0, width, height);
  const { data } = pen.getImageData(0, 0, width, height);
  const gray = Array.from({ length: visible }, (_, i) => 0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2]);
  const border = gray.filter((_, i) => i % width === 0 || i % width === width - 1 || i < width || i >= (height - 1) * width).sort((x, y) => x - y);
  const paper = border[border.length >> 1];
  const most = Math.max(...gray.map((x) => Math.abs(x - paper)));
  if (most < 16) throw new globalThis.Error(`${file.name} is of one shade, as far as ${height} by ${width} pixels can tell`);
  return gray.map((x) => (Math.abs(x - paper) > most / 2 ? "1" : "0")).join("");
}
