/** Fantasies: chains of the machine that run freely, from noise on, as one watches. */
import { Button, Choice, Error, grouped, html, usePage, useState } from "../ui.js";
import { useCalm } from "./images-drawing.js";
import { Gallery } from "./images-picture.js";
import { useDream } from "./images-session.js";

const AGAIN_MS = 5000;

/** @param {Play} props */
export function Dream({ which, shape, version }) {
  const { state, setting, changeSetting } = usePage();
  const [draw, setDraw] = useState(0);
  // Whoever wants no motion sees where the chains are after a hundred sweeps.
  const [on, setOn] = useState(!matchMedia("(prefers-reduced-motion: reduce)").matches);
  const { height, width, visible } = shape;
  const [most, atOnce] = on ? [Infinity, 1] : [100, 100];
  const { found, error } = useDream({ name: "fantasies", which, known: null, seed: state.seed + draw, most, atOnce, on: true, version: useCalm(version, AGAIN_MS) });
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
