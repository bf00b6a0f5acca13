/** The page: its head, its chapters, and the machine beside them. */
import { Component, render } from "preact";
import { Button, encode, Error, html, Page, Panel, Rail, useDismissed, useEffect, usePage, useRef, useState, Words, Worksheet } from "./ui.js";
import { chapter as chain } from "./chapters/chain.js";
import { chapter as derivation } from "./chapters/derivation.js";
import { chapter as images } from "./chapters/images.js";
import { chapter as machine } from "./chapters/machine.js";
import { chapter as conditionals } from "./chapters/conditionals.js";
import { chapter as set } from "./chapters/set.js";
import { chapter as gradient } from "./chapters/gradient.js";
import { commandText, pythonText } from "./answers/machine.js";
import { sectionInView, useArrival } from "./sections.js";

const chapters = /** @type {{id: string, title: string, wide?: boolean, Intro?: any, Chapter: any}[]} */ ([machine, conditionals, chain, gradient, set, images, derivation]);
const COPIED_MS = 2500;

/** Put the page into an element. */
export function mount(/** @type {HTMLElement} */ element, /** @type {Options} */ options) {
  element.replaceChildren();
  element.classList.add("harmonium-lab");
  render(html`<${Page} ...${options}><${Lab} /><//>`, element);
}

function Lab() {
  const { state, problems, complain, dismiss, section, embed } = usePage();
  const { id, title, wide, Intro, Chapter } = chapters.find((c) => c.id === state.chapter) ?? chapters[0];
  const number = chapters.findIndex((c) => c.id === id);
  const article = useRef(/** @type {HTMLElement | null} */ (null));
  const arrived = useRef(id);
  useKeys();
  useArrival(article, section, () => complain(`There is no section "${section.name.slice(0, 20)}" in this chapter.`));
  useEffect(() => {
    document.title = `${title} \u00b7 Harmonium`;
    // Whoever goes to a chapter goes on reading there, with the keyboard as with the eyes.
    if (arrived.current !== id) article.current?.focus({ preventScroll: true });
    arrived.current = id;
  }, [id]);
  useEffect(() => {
    document.documentElement.dataset.ready = "true";
  }, []);
  const warning = problems.length > 0 && html`<${Error} onDismiss=${dismiss}>${problems.join(" ")} Everything else in the link was loaded.<//>`;
  const only = embed.split("/")[1];
  if (embed) {
    return html`<div class="page embedded">${warning}
      ${only && html`<style>.chapter .card:not(.${CSS.escape(only)}), .chapter > :not(.card):not(:has(.${CSS.escape(only)})) { display: none; }</style>`}
      <main class=${wide || only ? "wide" : "beside"}>
        ${!wide && !only && html`<div class="column"><${Panel} /></div>`}
        <article class=${`chapter ${id}`} ref=${article}><${Guard}>${Intro && html`<${Intro} />`}<${Chapter} /><//></article>
      </main>
      <p class="soft"><a href=${location.pathname + encode(state).replace(id, embed)} target="_blank" rel="noopener">${title}, in Harmonium\u2019s lab \u2197</a></p>
    </div>`;
  }
  return html`<div class="page">
    <a class="skip" href="#chapter" onClick=${(/** @type {Event} */ e) => (e.preventDefault(), article.current?.focus())}>Skip to chapter</a>
    <${Head} />
    <${Rail} />
    ${warning}
    <main class=${wide ? "wide" : state.machine.b.length > 4 ? "beside broad" : "beside"}>
      ${Intro && html`<div class="intro"><${Guard}><${Intro} /><//></div>`}
      ${!wide && html`<div class="column"><${Panel} /></div>`}
      <article class=${`chapter ${id}`} id="chapter" tabindex="-1" aria-label=${title} key=${id} ref=${article}>
        <p class="number">Chapter ${number + 1}</p>
        <h2>${title}</h2>
        <${Guard}><${Worksheet} key=${id} chapter=${id}><${Chapter} /><//><//>
        ${chapters[number + 1] && html`<p class="onward"><${To} chapter=${chapters[number + 1].id}>Next: ${chapters[number + 1].title} \u2192<//></p>`}
      </article>
    </main>
    <aside class="notation" aria-label="Notation and keys"><${Words} of="notation" /></aside>
    <footer class="soft">Every number on this page is computed on it in double precision, and is exact unless it says how it was estimated. Nothing that you enter leaves your browser.</footer>
  </div>`;
}

/** What keeps a fault in one chapter from taking the page along. @extends {Component<{children?: any}, {fault?: any}>} */
class Guard extends Component {
  componentDidCatch(/** @type {any} */ fault) {
    this.setState({ fault });
  }

  render() {
    if (!this.state.fault) return this.props.children;
    return html`<${Error} onDismiss=${() => this.setState({ fault: undefined })}>This chapter cannot be shown: ${String(this.state.fault.message)}. Undo the last change or press reset, then dismiss this.<//>`;
  }
}

/** Undo and redo by keys. */
function useKeys() {
  const { undo, redo } = usePage();
  useEffect(() => {
    const keyed = (/** @type {any} */ e) => {
      const key = e.key.toLowerCase();
      // A text's own undo is for texts that change nothing until they are sent; a number field has changed the machine already.
      const text = e.target.matches?.("textarea, input[type=text]") && !e.target.closest(".num-field");
      if (!(e.ctrlKey || e.metaKey) || e.altKey || text || (key !== "z" && key !== "y")) return;
      e.preventDefault();
      if (key === "y" || e.shiftKey) redo();
      else undo();
    };
    document.addEventListener("keydown", keyed);
    return () => document.removeEventListener("keydown", keyed);
  });
}

/** A link to a chapter that brings the machine along, in a new tab too. @param {{chapter: string, test?: string, current?: boolean, children?: any}} props */
function To({ chapter, test, current, children }) {
  const { state, go } = usePage();
  const follow = (/** @type {MouseEvent} */ e) => {
    if (e.ctrlKey || e.metaKey || e.shiftKey) return;
    e.preventDefault();
    go(chapter);
  };
  return html`<a href=${encode({ ...state, chapter })} aria-current=${current ? "page" : undefined} data-test=${test} onClick=${follow}>${children}</a>`;
}

function Head() {
  const { state, undo, redo, reset, canUndo, canRedo, ownsUrl } = usePage();
  // Chapters with machines of their own do not show the one that would be copied.
  const machineShown = !chapters.find((c) => c.id === state.chapter)?.wide;
  const list = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    const current = list.current?.querySelector("[aria-current]");
    if (list.current && current instanceof HTMLElement) list.current.scrollLeft = current.offsetLeft - list.current.offsetLeft - 16;
  }, [state.chapter]);
  return html`<header class="head">
    <h1>How a restricted Boltzmann machine thinks</h1>
    <div class="tools" role="group" aria-label="Tools">
      <${Button} onClick=${undo} disabled=${!canUndo} title="undo (Ctrl+Z)" label="undo" test="undo">\u21b6<//>
      <${Button} onClick=${redo} disabled=${!canRedo} title="redo (Ctrl+Shift+Z)" label="redo" test="redo">\u21b7<//>
      <${Button} onClick=${reset} title="the lecture's machine and first settings" test="reset">reset<//>
      ${ownsUrl && html`<${Copy} what="link" text=${() => linkTo(state)} key="link" />`}
      ${machineShown && html`<${Copy} what="Python" text=${() => pythonText(state.machine, state.temperature)} key="python" /><${Copy} what="command" text=${() => commandText(state.machine, state.temperature)} key="command" />`}
      <${Theme} />
    </div>
    <nav aria-label="Chapters" ref=${list}>
      ${chapters.map(({ id, title }, i) => html`<${To} key=${id} chapter=${id} current=${id === state.chapter} test=${`to-${id}`}><span class="soft">${i + 1}</span> ${title}<//>`)}
    </nav>
  </header>`;
}

/** A link to the state and to the section that is read. @param {State} state */
function linkTo(state) {
  const section = sectionInView(document.getElementById("chapter"));
  return new URL(encode(state).replace(state.chapter, section ? `${state.chapter}/${section}` : state.chapter), location.href).href;
}

function Copy(/** @type {{what: "link" | "Python" | "command", text: () => string}} */ { what, text }) {
  const { state } = usePage();
  const [said, setSaid] = useState("");
  const [shown, setShown] = useState("");
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const label = { link: "copy link", Python: "copy as Python", command: "copy shell command" }[what];
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text());
      setSaid("copied");
      setTimeout(() => setSaid(""), COPIED_MS);
    } catch {
      setShown(text()); // a browser may refuse its clipboard
    }
  };
  useEffect(() => setShown(""), [state]); // it would be another machine's
  useEffect(() => place.current?.querySelector("textarea")?.select(), [shown]);
  useDismissed(place, shown !== "", () => setShown(""));
  return html`<span class="copy" ref=${place}><${Button} onClick=${copy} title=${what === "link" ? "the link holds the machine and all settings" : undefined} test=${`copy-${what.toLowerCase()}`}>${label}<//>
    <span class="hidden" role="status">${said}</span>${said && html`<span class="copied-note" aria-hidden="true">\u2713 ${said}</span>`}
    ${shown && html`<span class="copied"><textarea readonly aria-label=${`${label}, by hand`} rows="5" data-test=${`copied-${what.toLowerCase()}`}>${shown}</textarea>
      <button type="button" class="link" onClick=${() => setShown("")}>close</button></span>`}</span>`;
}

function Theme() {
  const place = document.documentElement;
  const turn = () => {
    const now = place.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    place.dataset.theme = now === "dark" ? "light" : "dark";
    document.dispatchEvent(new Event("themechange"));
  };
  return html`<${Button} onClick=${turn} title="light or dark" label="light or dark" test="theme">\u25d0<//>`;
}
