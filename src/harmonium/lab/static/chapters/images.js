/** Chapter 6: the same machine on real images, too large for any table. */
import { useEffect, useState } from "preact/hooks";
import { grouped } from "../format.js";
import { html } from "../html.js";
import { usePage } from "../page.js";
import { Choice } from "../ui/controls.js";
import { Formula } from "../ui/formula.js";
import { Card } from "../ui/card.js";
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
    <p class="lead">So far, every table could be written out. An image of 8 by 8 pixels has 2\u2076\u2074 states, too many for any table. Nothing else changes:
      the same energy, the same two terms, the same learning rule. Only the negative term can no longer be summed, so 500 chains, continued from update to
      update, estimate it. <strong>Press train and watch.</strong></p>
    ${room.file && html`<p class="soft" data-test="loaded"><strong>${room.file.name}</strong> is loaded: ${grouped(room.file.visible)} visible and ${grouped(room.file.hidden)} hidden units.
      ${" "}<button type="button" class="link" onClick=${() => document.getElementById("images-play")?.scrollIntoView({ block: "center" })}>Play with it below</button>, or train one here on digits.</p>`}
    <${Train} room=${room} />
    <div class="reading">
      <div>
        <p><strong>The filters.</strong> A hidden unit has one weight for each pixel, so its weights form an image. For the first few hundred updates
          little happens: the weights are small, the units are nearly identical, and all learn the same thing. Then the symmetry breaks, and each learns its own stroke.</p>
        <p><strong>The fantasies</strong> are the chains of the negative term: images that the machine generates itself. Learning lowers the energy of the digits and
          raises that of the fantasies. When the two look alike, the two terms agree, and little is left to learn.</p>
      </div>
      <div>
        <p><strong>The likelihood.</strong> Twenty hidden units have 2\u00b2\u2070 = 1,048,576 states, and for each of them the sum over all images is a product
          over pixels. So <${Formula} tex="\\ln Z" /> is still exact. With more units, the final figure is an estimate with an interval, and the page says so.</p>
        <p><strong>The gap.</strong> As <${Formula} tex="\\ln p(v) = -F(v) - \\ln Z" />, the difference between two means of F needs no Z. Train 64 hidden units at full speed, and
          watch the held-out digits fall behind.</p>
      </div>
    </div>
    <${Card} id="count-parameters" />
    <${Card} id="first-fantasies" />
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
    <p>A chain with some pixels clamped samples from p(unknown | known): the conditional distribution needs no other machine and no extra training.
      Each sweep samples h given all pixels, then the unknown pixels given h.</p>
    <${Complete} ...${play} />
    <${Card} id="gray-mean" />
    <${FileCard} room=${room} filters=${filters} onLoaded=${() => changeSetting("images", { which: "file" })} />
  `;
}
