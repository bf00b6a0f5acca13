/** The page on its own, or in the frame of a notebook's widget, which says what to begin with. */
import { mount } from "./app.js";
import { prepare } from "./compute.js";

const given = /** @type {Options | undefined} */ (/** @type {any} */ (window.frameElement)?.lab);
const asked = new URLSearchParams(location.search);
const file = asked.get("model");

/** A model file beside the page. @param {string} name */
const beside = (name) => async () => {
  const found = await fetch(`./${encodeURIComponent(name)}`);
  if (!found.ok) throw new Error(`There is no file ${name} beside this page.`);
  return { name, bytes: new Uint8Array(await found.arrayBuffer()) };
};

const place = document.getElementById("lab");
if (place) mount(place, given ?? { model: file ? beside(file) : null, embed: asked.get("embed") ?? "" });

// What is needed later is fetched now: the page goes on when its server has ended.
window.addEventListener("load", () => {
  setTimeout(prepare);
  for (const face of document.fonts) {
    if (face.weight === "400" && (face.style === "normal" ? /Main|Size|Sans/ : /Math/).test(face.family)) face.load();
  }
});
