/** The page: its head, its chapters, and the machine beside them. */
import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { chapter as chain } from "./chapters/chain.js";
import { chapter as images } from "./chapters/images.js";
import { chapter as machine } from "./chapters/machine.js";
import { chapter as road } from "./chapters/road.js";
import { chapter as set } from "./chapters/set.js";
import { chapter as uphill } from "./chapters/uphill.js";
import { commandText, pythonText } from "./answers/machine.js";
import { html } from "./html.js";
import { Page, usePage } from "./page.js";
import { Button, Error } from "./ui/controls.js";
import { Panel } from "./ui/panel.js";

/** @type {{id: string, title: string, wide?: boolean, Chapter: any}[]} */
const chapters = [machine, road, chain, uphill, set, images];
const COPIED_MS = 2500;

/** @typedef {import("./state.js").State} State */

/** Put the page into an element. The transport brings the library's answers; a page that owns its URL keeps its state there, any
 * other starts at `start` and tells its state to `onState`.
 * @param {HTMLElement} element @param {import("./transport.js").Transport} transport
 * @param {{ownsUrl?: boolean, start?: State, onState?: (state: State) => void}} [options] @returns {() => void} */
export function mount(element, transport, { ownsUrl = false, start, onState } = {}) {
  element.replaceChildren();
  element.classList.add("harmonium-lab");
  render(html`<${Page} transport=${transport} ownsUrl=${ownsUrl} start=${start} onState=${onState}><${Lab} /><//>`, element);
  return () => render(null, element);
}

function Lab() {
  const { state, problems, dismiss, status } = usePage();
  const { id, title, wide, Chapter } = chapters.find((c) => c.id === state.chapter) ?? chapters[0];
  useEffect(() => {
    document.title = `${title} \u00b7 Harmonium`;
  }, [title]);
  useEffect(() => {
    document.documentElement.dataset.ready = "true";
  }, []);
  return html`<div class="page">
    <a class="skip" href="#chapter" onClick=${(/** @type {Event} */ e) => (e.preventDefault(), document.getElementById("chapter")?.focus())}>Skip to chapter</a>
    <${Head} />
    <div aria-live="assertive">
      ${status === "lost" && html`<p class="lost" data-test="lost">The connection to the library is lost. Everything on this page is kept; the page reconnects as soon as \u201charmonium lab\u201d runs again.</p>`}
    </div>
    ${problems.length > 0 && html`<${Error} onDismiss=${dismiss}>${problems.join(" ")} Everything else in the link was loaded.<//>`}
    <main class=${wide ? "wide" : "beside"} id="chapter" tabindex="-1">
      ${!wide && html`<div class="column"><${Panel} /></div>`}
      <article class=${`chapter ${id}`} key=${id}>
        <p class="number">Chapter ${chapters.findIndex((c) => c.id === id) + 1}</p>
        <h2>${title}</h2>
        <${Chapter} />
        <${Onward} id=${id} />
      </article>
    </main>
    <footer class="soft">Every number on this page is computed by the library in double precision, and is exact unless it says how it was estimated. Nothing leaves this machine.</footer>
  </div>`;
}

function Head() {
  const { state, go, undo, redo, reset, canUndo, canRedo } = usePage();
  // Chapters with machines of their own do not show the one that would be copied.
  const machineShown = !chapters.find((c) => c.id === state.chapter)?.wide;
  const here = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    const keyed = (/** @type {KeyboardEvent} */ e) => {
      if (!(e.ctrlKey || e.metaKey) || e.target instanceof HTMLInputElement) return;
      if (e.key.toLowerCase() !== "z" && e.key.toLowerCase() !== "y") return;
      e.preventDefault();
      if (e.key.toLowerCase() === "y" || e.shiftKey) redo();
      else undo();
    };
    document.addEventListener("keydown", keyed);
    return () => document.removeEventListener("keydown", keyed);
  });
  useEffect(() => {
    const current = here.current?.querySelector("[aria-current]");
    const list = here.current;
    if (list && current instanceof HTMLElement) list.scrollLeft = current.offsetLeft - list.offsetLeft - 16;
  }, [state.chapter]);
  return html`<header class="head">
    <h1>How a restricted Boltzmann machine thinks</h1>
    <div class="tools" role="toolbar" aria-label="Tools">
      <${Button} onClick=${undo} disabled=${!canUndo} title="undo (Ctrl+Z)" label="undo" test="undo">\u21b6<//>
      <${Button} onClick=${redo} disabled=${!canRedo} title="redo (Ctrl+Shift+Z)" label="redo" test="redo">\u21b7<//>
      <${Button} onClick=${reset} title="the lecture's machine and first settings" test="reset">reset<//>
      <${Copy} what="link" />
      ${machineShown && html`<${Copy} what="python" /><${Copy} what="command" />`}
      <${Theme} />
    </div>
    <nav aria-label="Chapters" ref=${here}>
      ${chapters.map(
        ({ id, title }, i) => html`<a href=${`#${id}`} aria-current=${id === state.chapter ? "page" : undefined} data-test=${`to-${id}`}
          onClick=${(/** @type {Event} */ e) => (e.preventDefault(), go(id))}><span class="soft">${i + 1}</span> ${title}</a>`,
      )}
    </nav>
  </header>`;
}

/** @param {{what: "link" | "python" | "command"}} props */
function Copy({ what }) {
  const { state } = usePage();
  const [said, setSaid] = useState("");
  const [text, setText] = useState("");
  const label = what === "link" ? "copy link" : what === "python" ? "copy as Python" : "copy shell command";
  const copy = async () => {
    try {
      const found = what === "link" ? location.href : (what === "python" ? pythonText : commandText)(state.machine, state.temperature);
      setText(found);
      await navigator.clipboard.writeText(found);
      setSaid("copied");
    } catch {
      // A browser may refuse its clipboard: then the text itself is shown.
      setSaid("");
    }
    setTimeout(() => setSaid(""), COPIED_MS);
  };
  return html`<span class="copy"><${Button} onClick=${copy} test=${`copy-${what}`}>${said || label}<//>
    ${text && !said && html`<span class="copied"><textarea readonly aria-label=${label} rows="5" data-test=${`copied-${what}`}>${text}</textarea>
      <button type="button" class="link" onClick=${() => setText("")}>close</button></span>`}</span>`;
}

function Theme() {
  const [theme, setTheme] = useState(document.documentElement.dataset.theme ?? "");
  const turn = () => {
    const dark = theme === "dark" || (theme === "" && matchMedia("(prefers-color-scheme: dark)").matches);
    const next = dark ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    document.dispatchEvent(new Event("themechange"));
    setTheme(next);
  };
  return html`<${Button} onClick=${turn} title="light or dark" label="light or dark" test="theme">\u25d0<//>`;
}

/** @param {{id: string}} props */
function Onward({ id }) {
  const { go } = usePage();
  const next = chapters[chapters.findIndex((c) => c.id === id) + 1];
  if (!next) return null;
  return html`<p class="onward"><a href=${`#${next.id}`} onClick=${(/** @type {Event} */ e) => (e.preventDefault(), go(next.id))}>Next: ${next.title} \u2192</a></p>`;
}
