/** Predict, then reveal: a small task that ticks itself off. */
import { useState } from "preact/hooks";
import { html } from "../html.js";
import { useDone } from "../progress.js";
import { Button } from "./controls.js";

/** @param {{id: string, question: any, kind: "number" | "choice", options?: [any, any][], check: (value: any) => boolean, answer: any,
 *   hint?: any}} props */
export function Task({ id, question, kind, options = [], check, answer, hint }) {
  const [done, setDone] = useDone(`task ${id}`);
  const [text, setText] = useState("");
  const [said, setSaid] = useState(/** @type {"" | "wrong" | "unreadable" | "shown"} */ (""));
  /** @param {any} value */
  const judge = (value) => {
    if (kind === "number" && !Number.isFinite(value)) setSaid("unreadable");
    else if (check(value)) setDone();
    else setSaid("wrong");
  };
  const number = () => judge(text.trim() === "" ? NaN : Number(text.trim().replace(",", ".").replace("\u2212", "-")));
  const open = !done && said !== "shown";
  return html`<section class=${done ? "task done" : "task"} aria-label="A task" data-test=${`task-${id}`}>
    <p class="question"><span class="tick" aria-label=${done ? "done" : "to do"} role="img">${done ? "\u2713" : "?"}</span> ${question}</p>
    ${open && kind === "number" &&
    html`<form class="try" onSubmit=${(/** @type {Event} */ e) => (e.preventDefault(), number())}>
      <input type="text" inputmode="decimal" aria-label="your prediction" value=${text} onInput=${(/** @type {any} */ e) => setText(e.target.value)} />
      <${Button} onClick=${number}>predict<//>
      <button type="button" class="link" onClick=${() => setSaid("shown")}>reveal</button>
    </form>`}
    ${open && kind === "choice" &&
    html`<div class="try">
      ${options.map(([value, label]) => html`<${Button} onClick=${() => judge(value)}>${label}<//>`)}
      <button type="button" class="link" onClick=${() => setSaid("shown")}>reveal</button>
    </div>`}
    <div aria-live="polite">
      ${open && said === "wrong" && html`<p class="soft">Not quite. ${hint ?? "Try it on the machine, then predict again."}</p>`}
      ${open && said === "unreadable" && html`<p class="soft">Type a number, for example 0.25.</p>`}
      ${!open && html`<div class="answer">${answer}</div>`}
    </div>
  </section>`;
}
