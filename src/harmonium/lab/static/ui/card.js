/** "Your turn": a card with a question whose answer the page checks. */
import { encode, html, usePage, useState } from "../page.js";
import { askedOf, CARDS } from "../cards.js";
import { useDone } from "../progress.js";
import { Button, Error, parse, THOUSANDS } from "./controls.js";

/** Three digits are enough. */
const CLOSE = 0.006;
/** A number or a fraction: 0.25, 1/4. @param {string} [text] */
function read(text = "") {
  const parts = text.split("/");
  return parts.length > 2 || parts.some((part) => part.trim() === "") ? NaN : parts.map(parse).reduce((a, b) => a / b);
}

/** A card where it stands in its chapter; one that a link has put on the worksheet stands there alone. @param {{id: string}} props */
export function Card({ id }) {
  const { state } = usePage();
  return state.cards.includes(id) ? null : html`<${Turn} id=${id} />`;
}

function Turn(/** @type {{id: string}} */ { id }) {
  const { state, tables } = usePage();
  const { machine, temperature, target } = state;
  const card = CARDS[id];
  const { fields, ...parts } = card.partsOf(askedOf(state, tables));
  // What was solved for one machine is not for another. The element stays: another one would lay out the chapter anew.
  const name = `card ${id}${card.ofMachine ? ` ${JSON.stringify([machine, temperature, target])}` : ""}`;
  const [done, setDone] = useDone(name);
  const fresh = { name, typed: /** @type {string[]} */ ([]), said: "", wrong: /** @type {boolean[]} */ ([]), hinted: 0, revealed: false };
  const [kept, setKept] = useState(fresh);
  const { typed, said, wrong, hinted, revealed } = kept.name === name ? kept : fresh;
  const set = (/** @type {Partial<typeof fresh>} */ patch) => setKept((old) => ({ ...(old.name === name ? old : fresh), ...patch }));
  if (fields.some(([, value]) => !Number.isFinite(value))) return null; // nobody types a number beyond floats
  const { hints } = card;
  const open = !done && !revealed;
  const miss = () => set({ said: "Not quite.", hinted: Math.min(hints.length, hinted + 1) });
  const check = () => {
    const unreadable = fields.findIndex((_, n) => !Number.isFinite(read(typed[n])) || THOUSANDS.test(typed[n] ?? ""));
    if (unreadable >= 0) return set({ said: THOUSANDS.test(typed[unreadable] ?? "") ? "Write thousands without a comma and decimals with a point." : "Type a number in every field, for example 0.25 or 1/4. Three digits are enough." });
    const off = fields.map(([, value], n) => Math.abs(read(typed[n]) - value) > CLOSE * Math.abs(value) + 1e-12);
    set({ wrong: off });
    if (off.includes(true)) miss();
    else setDone();
  };
  return html`<section class=${done ? "turn done" : "turn"} aria-label=${`Your turn: ${card.title}`} data-test=${`card-${id}`}>
    <p class="turn-title"><span class="tick" aria-label=${done ? "done" : "to do"} role="img">${done ? "\u2713" : "?"}</span> <strong>Your turn</strong> \u00b7 ${card.title}</p>
    <div class="question">${card.question(parts)}</div>
    ${open && html`<form class="try" onSubmit=${(/** @type {Event} */ e) => (e.preventDefault(), check())}>
      ${fields.map(([label], n) => html`<label class=${wrong[n] ? "wrong" : ""}>${label} = <input type="text" inputmode="text" autocomplete="off" spellcheck="false" aria-invalid=${String(wrong[n] ?? false)} value=${typed[n] ?? ""} data-test=${`${id}-${n}`}
        onInput=${(/** @type {any} */ e) => set({ typed: Object.assign([...typed], { [n]: e.target.value }) })} /></label>`)}
      ${fields.length > 0 && html`<button type="submit" class="button" data-test=${`check-${id}`}>check</button>`}
      ${card.options.map(([label, right]) => html`<${Button} onClick=${() => (right ? setDone() : miss())}>${label}<//>`)}
      ${hinted < hints.length && html`<button type="button" class="link" onClick=${() => set({ hinted: hinted + 1 })}>hint</button>`}
      <button type="button" class="link" onClick=${() => set({ revealed: true })}>show the answer</button>
    </form>`}
    <div aria-live="polite">
      ${open && (said || hinted > 0) && html`<p class="soft">${said} ${hints.slice(0, hinted).map((hint) => html`${hint(parts)} `)}</p>`}
      ${!open && html`<div class="answer">${card.answer(parts)}</div>`}
    </div>
  </section>`;
}

/** The chapter, or the worksheet that a link has made of it: its cards first, the chapter folded away below. */
export function Worksheet(/** @type {{chapter: string, children?: any}} */ { chapter, children }) {
  const { state, change } = usePage();
  const unknown = state.cards.filter((id) => !Object.hasOwn(CARDS, id));
  const known = state.cards.filter((id) => Object.hasOwn(CARDS, id));
  const cards = known.filter((id) => CARDS[id].chapter === chapter);
  return html`${unknown.length > 0 && html`<${Error} onDismiss=${() => change({ cards: known })}>The link names cards that do not exist here: ${unknown.join(", ")}.<//>`}
    ${cards.length === 0 ? html`${children}<${ForTeachers} chapter=${chapter} />`
      : html`<div class="worksheet" data-test="worksheet">${cards.map((id) => html`<${Turn} key=${id} id=${id} />`)}
        <p><button type="button" class="link" onClick=${() => change({ cards: [] })}>leave the worksheet</button></p></div>
      <details><summary>The whole chapter</summary>${children}</details>`}`;
}

/** A link with the machine, the chapter, and the cards that are ticked. @param {{chapter: string}} props */
function ForTeachers({ chapter }) {
  const { state, ownsUrl } = usePage();
  const [chosen, setChosen] = useState(/** @type {string[]} */ ([]));
  const cards = Object.entries(CARDS).filter(([, card]) => card.chapter === chapter);
  if (!ownsUrl || !cards.length) return null;
  const toggle = (/** @type {string} */ id) => setChosen(chosen.includes(id) ? chosen.filter((x) => x !== id) : [...chosen, id]);
  return html`<details class="teachers"><summary>For teachers: a worksheet of this chapter</summary>
    <p class="soft">Choose cards, in their order. The link opens them with the machine as it is now; the chapter is folded away below them.</p>
    <p>${cards.map(([id, { title }]) => html`<label><input type="checkbox" checked=${chosen.includes(id)} onChange=${() => toggle(id)} data-test=${`choose-${id}`} /> ${title}</label> `)}</p>
    ${chosen.length > 0 && html`<p><a href=${encode({ ...state, cards: chosen })} target="_blank" data-test="worksheet-link">the worksheet\u2019s link</a></p>`}
  </details>`;
}
