/** Chapter 6: the same machine on real images, too large for any table. */
import { useEffect, useState } from "preact/hooks";
import { grouped } from "../format.js";
import { html } from "../html.js";
import { usePage } from "../page.js";
import { Choice } from "../ui/controls.js";
import { Formula } from "../ui/formula.js";
import { Task } from "../ui/task.js";
import { Complete } from "./images-complete.js";
import { Draw } from "./images-draw.js";
import { useDrawing } from "./images-drawing.js";
import { FileCard } from "./images-file.js";
import { useRoom } from "./images-room.js";
import { Train, useSettings } from "./images-train.js";

const DIGITS = { height: 8, width: 8, visible: 64, digits: true };

export const chapter = { id: "images", title: "Real images", wide: true, Chapter: Images };

function Images() {
  const room = useRoom();
  return html`
    <p class="lead">So far every table could be written out. An image of 8 by 8 pixels has 2\u2076\u2074 states, and no table holds them. Nothing else changes:
      the same energy, the same two terms, the same rule. Only the negative term can no longer be summed, so five hundred chains, carried on from update to
      update, stand in for it. <strong>Press train and watch.</strong></p>
    ${room.file && html`<p class="soft" data-test="loaded"><strong>${room.file.name}</strong> is loaded: ${grouped(room.file.visible)} visible and ${grouped(room.file.hidden)} hidden units.
      ${" "}<button type="button" class="link" onClick=${() => document.getElementById("images-play")?.scrollIntoView({ block: "center" })}>Play with it below</button>, or train another first.</p>`}
    <${Train} room=${room} />
    <div class="reading">
      <div>
        <p><strong>The filters.</strong> A hidden unit has one weight for each pixel, so its weights are an image themselves. For the first few hundred updates
          little happens: the weights are small, the units all alike, and one learns what the others learn. Then the likeness breaks, and each takes up a stroke of its own.</p>
        <p><strong>The fantasies</strong> are the chains of the negative term. Nobody has drawn them. Learning lowers the energy of the digits and
          raises that of the fantasies; when the two look alike, the two terms agree, and little is left to learn.</p>
      </div>
      <div>
        <p><strong>The likelihood.</strong> Twenty hidden units have 2\u00b2\u2070 = 1\u202f048\u202f576 states, and for each of them the sum over all images is a product
          over pixels. So <${Formula} tex="\\ln Z" /> is still exact. With more units the closing figure is an estimate between bounds, by annealing forwards
          and in reverse, and the page says so.</p>
        <p><strong>The gap.</strong> As <${Formula} tex="\\ln p(v) = -F(v) - \\ln Z" />, the difference of two means of F needs no Z. Train 64 hidden units at full speed, and
          watch the held-out digits fall behind.</p>
      </div>
    </div>
    <${Task} id="first-fantasies" kind="choice" question="At the first update all weights are close to zero, and each visible bias holds how often its pixel is on. What are the first fantasies?"
      options=${[["grey", "an even grey: every pixel on half of the time"], ["pixels", "pixels tossed one by one, each as often on as in the data"], ["digits", "coarse digits"]]}
      check=${(/** @type {string} */ x) => x === "pixels"} hint="Without weights the hidden units send nothing. What is then left of a pixel\u2019s probability?"
      answer=${html`<p>With no weights, p(v\u1d62 = 1) is the sigmoid of a\u1d62 alone. Every pixel has its own frequency and none knows of another: a mean digit, seen through noise. The log likelihood begins where such pixels are, near \u221224.4 nats.</p>`} />
    <${Play} room=${room} />
  `;
}

/** Draw and complete, with the machine trained here or with the file's. @param {{room: import("./images-room.js").Room}} props */
function Play({ room }) {
  const { ask, setting, changeSetting } = usePage();
  const { view, file } = room;
  const [filters, setFilters] = useState(/** @type {import("./images-picture.js").Packed | null} */ (null));
  const trained = Boolean(view?.pictures) && view?.phase !== "lost";
  const which = /** @type {"training" | "file"} */ (file && (setting("images", "which", "training") === "file" || !trained) ? "file" : "training");
  const shape = which === "file" && file ? file : DIGITS;
  const ready = which === "file" ? file !== null : trained;
  useEffect(() => {
    setFilters(null);
    if (!file) return;
    let current = true;
    ask("images.filters", { which: "file" }).then((found) => current && setFilters(found.filters), () => {});
    return () => {
      current = false;
    };
  }, [file]);
  const settings = useSettings();
  const drawing = useDrawing(which, shape, ready);
  const play = {
    which,
    shape,
    drawing,
    ready,
    version: which === "file" ? 0 : (view?.run ?? 0) * 1e6 + (view?.step ?? 0),
    filters: which === "file" ? filters : (view?.pictures?.filters ?? null),
    begin: () => room.begin(settings),
    hidden: which === "file" && file ? file.hidden : (view?.settings.hidden ?? 0),
  };
  return html`
    <div class="play-head">
      <h3 class="part">Play with it</h3>
      ${file && trained && html`<${Choice} label="play with" value=${which} options=${[["training", "the machine trained here"], ["file", file.name]]}
        onChange=${(/** @type {string} */ x) => changeSetting("images", { which: x })} test="which" />`}
      ${file && !trained && html`<span class="soft">with ${file.name}</span>`}
    </div>
    <${Draw} ...${play} />
    <p>A chain with some pixels clamped samples from p(unknown | known): the conditional distribution needs no other machine and no training of its own.
      Each sweep tosses h given all pixels, then the unknown pixels given h.</p>
    <${Complete} ...${play} />
    <${Task} id="grey-mean" kind="choice" question="Erase the lower half of a digit. Single completions are black and white, but their mean is grey in places. What does the grey say?"
      options=${[["short", "the chains have not run long enough"], ["several", "several completions are plausible"], ["blurred", "the filters are blurred"]]}
      check=${(/** @type {string} */ x) => x === "several"} hint="Look at the single chains: is any of them grey? Do they agree?"
      answer=${html`<p>Every chain draws one completion, and they differ. The mean of their pixels estimates p(v\u1d62 = 1 | known): grey is the machine\u2019s doubt, put into numbers. A mean is not a sample, and seldom a digit.</p>`} />
    <${FileCard} room=${room} filters=${filters} onLoaded=${() => changeSetting("images", { which: "file" })} />
  `;
}
