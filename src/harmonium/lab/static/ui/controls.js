/** Fields, sliders, switches and buttons. */
import { useEffect, useId, useState } from "preact/hooks";
import { html } from "../html.js";
import { plain } from "../format.js";

/** A number field. What is not a number in range is told beneath it, and the last good value stays in force.
 * @param {{label: string, value: number, onChange: (x: number) => void, least: number, most: number, step?: number, digits?: number,
 *   hideLabel?: boolean, whole?: boolean, onFocus?: () => void, test?: string}} props */
export function Num({ label, value, onChange, least, most, step = 0.1, digits = 4, hideLabel, whole, onFocus, test }) {
  const id = useId();
  const [text, setText] = useState(/** @type {string | null} */ (null));
  const shown = text ?? plain(value, digits);
  const problem = text === null ? "" : complaint(text, least, most, whole);
  useEffect(() => setText(null), [value]);
  /** @param {string} typed */
  const type = (typed) => {
    setText(typed);
    if (!complaint(typed, least, most, whole)) {
      const number = parse(typed);
      if (number !== value) onChange(number);
    }
  };
  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => {
    if (event.key === "Escape") setText(null);
    if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
    event.preventDefault();
    const by = (event.key === "ArrowUp" ? 1 : -1) * step * (event.shiftKey ? 10 : 1);
    const next = Math.min(most, Math.max(least, Number((value + by).toFixed(10))));
    setText(null);
    if (next !== value) onChange(next);
  };
  return html`<span class=${problem ? "num-field bad" : "num-field"}>
    <label for=${id} class=${hideLabel ? "hidden" : ""}>${label}</label>
    <input id=${id} type="text" inputmode="decimal" autocomplete="off" spellcheck="false" value=${shown} data-test=${test}
      aria-invalid=${problem ? "true" : "false"} aria-describedby=${problem ? `${id}-said` : undefined}
      onInput=${(/** @type {any} */ e) => type(e.target.value)} onBlur=${() => !problem && setText(null)}
      onFocus=${onFocus} onKeyDown=${onKeyDown} />
    ${problem && html`<span class="said" id=${`${id}-said`} role="alert">${problem}</span>`}
  </span>`;
}

/** @param {string} text */
const parse = (text) => Number(text.trim().replace("\u2212", "-").replace(",", "."));

/** @param {string} text @param {number} least @param {number} most @param {boolean} [whole] */
function complaint(text, least, most, whole) {
  const range = `${whole ? "a whole number" : "a number"} from ${plain(least)} to ${plain(most)}`;
  const x = parse(text);
  if (text.trim() === "" || !Number.isFinite(x)) return `Type ${range}.`;
  if (whole && !Number.isInteger(x)) return `This must be ${range}.`;
  return x < least || x > most ? `This must be ${range}.` : "";
}

/** A slider with its number beside it. With `log`, equal ways are equal factors.
 * @param {{label: string, value: number, onChange: (x: number) => void, least: number, most: number, step?: number, log?: boolean,
 *   digits?: number, test?: string}} props */
export function Slider({ label, value, onChange, least, most, step = 0.01, log, digits = 3, test }) {
  const to = (/** @type {number} */ x) => (log ? Math.log(x) : x);
  const from = (/** @type {number} */ x) => (log ? Number(Math.exp(x).toPrecision(3)) : x);
  const reach = Math.min(to(most), Math.max(to(least), to(value)));
  return html`<div class="slider">
    <input type="range" aria-label=${label} aria-valuetext=${plain(value)} min=${to(least)} max=${to(most)}
      step=${log ? (to(most) - to(least)) / 200 : step} value=${reach} data-test=${test && `${test}-slider`}
      style=${`--at:${(100 * (reach - to(least))) / (to(most) - to(least))}%`}
      onInput=${(/** @type {any} */ e) => onChange(from(Number(e.target.value)))} />
    <${Num} label=${label} hideLabel value=${value} onChange=${onChange} least=${least} most=${most} step=${step} digits=${digits} test=${test} />
  </div>`;
}

/** Bits to switch.
 * @param {{label: string, value: number[], onChange: (bits: number[]) => void, names?: string[], test?: string}} props */
export function Bits({ label, value, onChange, names, test }) {
  return html`<span class="bits" role="group" aria-label=${label}>
    ${value.map(
      (bit, i) => html`<button type="button" class=${bit ? "bit on" : "bit"} aria-pressed=${bit ? "true" : "false"}
        aria-label=${`${names?.[i] ?? `${label} ${i + 1}`}: ${bit}`} data-test=${test && `${test}-${i}`}
        onClick=${() => onChange(value.map((x, j) => (j === i ? 1 - x : x)))}>${bit}</button>`,
    )}
  </span>`;
}

/** One of a few, as a row of radio buttons.
 * @param {{label: string, value: any, options: [any, any][], onChange: (value: any) => void, test?: string}} props */
export function Choice({ label, value, options, onChange, test }) {
  const name = useId();
  return html`<fieldset class="choice" data-test=${test}>
    <legend>${label}</legend>
    ${options.map(
      ([option, text]) => html`<label class=${option === value ? "on" : ""}>
        <input type="radio" name=${name} value=${String(option)} checked=${option === value} onChange=${() => onChange(option)} />
        <span>${text}</span>
      </label>`,
    )}
  </fieldset>`;
}

/** @param {{onClick: (event: Event) => void, primary?: boolean, disabled?: boolean, title?: string, pressed?: boolean, test?: string,
 *   label?: string, children?: any}} props */
export function Button({ onClick, primary, disabled, title, pressed, test, label, children }) {
  return html`<button type="button" class=${primary ? "button primary" : "button"} disabled=${disabled} title=${title} onClick=${onClick}
    aria-pressed=${pressed === undefined ? undefined : String(pressed)} aria-label=${label} data-test=${test}>${children}</button>`;
}

/** Something that went wrong, in words. @param {{children?: any, onDismiss?: () => void}} props */
export function Error({ children, onDismiss }) {
  return html`<p class="error" role="alert">${children}
    ${onDismiss && html` <button type="button" class="link" onClick=${onDismiss}>dismiss</button>`}</p>`;
}
