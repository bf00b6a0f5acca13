/** Fields, sliders, switches and buttons. */
import { html, indexed, LIMITS, plain, useEffect, useId, useLayoutEffect, usePage, useRef, useState } from "../page.js";

/** A number field. The text is the typist's until the field is left; every number in range is in force at once, and what is
 * none is named beneath the field while the last good value stays.
 * @param {{label: string, value: number, onChange: (x: number) => void, least: number, most: number, step?: number, digits?: number,
 *   hideLabel?: boolean, whole?: boolean, onFocus?: () => void, test?: string}} props */
export function Num({ label, value, onChange, least, most, step = 0.1, digits = 4, hideLabel, whole, onFocus, test }) {
  const id = useId();
  const [text, setText] = useState(/** @type {string | null} */ (null));
  const [left, setLeft] = useState(true);
  const given = useRef(value);
  const shown = text ?? plain(value, digits);
  const problem = text === null || (!left && BEGINNING.test(text)) ? "" : complaint(text, least, most, whole);
  // Before the next key can come.
  useLayoutEffect(() => {
    // Undo, a slider or an example has changed the number: what was typed is no longer it.
    if (value !== given.current) setText(null);
    given.current = value;
  }, [value]);
  const give = (/** @type {number} */ x) => {
    given.current = x;
    if (x !== value) onChange(x);
  };
  const type = (/** @type {string} */ typed) => {
    setText(typed);
    setLeft(false);
    if (!MINUS_ZERO.test(typed) && !complaint(typed, least, most, whole)) give(parse(typed));
  };
  const leave = () => {
    setLeft(true);
    if (text === null || complaint(text, least, most, whole)) return;
    give(parse(text) + 0); // -0 is 0
    setText(null);
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape") setText(null);
    if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
    event.preventDefault();
    setText(null);
    give(moved(value, (event.key === "ArrowUp" ? 1 : -1) * step * (event.shiftKey ? 10 : 1), least, most));
  };
  return html`<span class=${`num-field${problem ? " bad" : ""}${shown.length > FITTING ? " long" : ""}`}>
    <label for=${id} class=${hideLabel ? "hidden" : ""}>${label}</label>
    <input id=${id} type="text" inputmode="decimal" autocomplete="off" spellcheck="false" value=${shown} data-test=${test} title=${text === null && String(value) !== shown.replace("\u2212", "-") ? String(value) : undefined}
      aria-invalid=${problem ? "true" : "false"} aria-describedby=${problem ? `${id}-said` : undefined}
      onInput=${(/** @type {any} */ e) => type(e.target.value)} onBlur=${leave} onFocus=${onFocus} onKeyDown=${onKeyDown} />
    ${problem && html`<span class="said" id=${`${id}-said`} role="alert">${problem}</span>`}
  </span>`;
}

/** A seed: the seeds that follow it, one for each of many chains, must be exact numbers too. */
export function Seed(/** @type {{value: number, onChange: (x: number) => void, hideLabel?: boolean}} */ { value, onChange, hideLabel }) {
  return html`<${Num} label="seed" hideLabel=${hideLabel} value=${value} least=${0} most=${LIMITS.seed - 1} step=${1} digits=${0} whole onChange=${onChange} test="seed" />`;
}

/** A number one step on, free of the step's rounding and within its range. */
export function moved(/** @type {number} */ value, /** @type {number} */ by, /** @type {number} */ least, /** @type {number} */ most) {
  return Math.min(most, Math.max(least, Number((value + by).toFixed(10))));
}

const FITTING = 6;
/** What a number may begin with, and is not complained of while it is typed. */
const BEGINNING = /^\s*(?=\S)[-\u2212]?0?([.,]0*)?$/;
/** Does a comma divide thousands or is it the decimal sign? Nobody can tell. */
export const THOUSANDS = /[1-9]\d*,\d{3}$/;
const MINUS_ZERO = /^\s*[-\u2212]0*[.,]?0*$/;

export const parse = (/** @type {string} */ text) => Number(text.trim().replace("\u2212", "-").replace(",", "."));

/** @param {string} text @param {number} least @param {number} most @param {boolean} [whole] */
function complaint(text, least, most, whole) {
  const range = `${whole ? "a whole number" : "a number"} from ${plain(least)} to ${plain(most)}`;
  const x = parse(text);
  if (THOUSANDS.test(text)) return "Write thousands without a comma and decimals with a point.";
  if (text.trim() === "" || !Number.isFinite(x)) return `Type ${range}.`;
  if (whole && !Number.isInteger(x)) return `This must be ${range}.`;
  return x < least || x > most ? `This must be ${range}.` : "";
}

/** A slider with its number beside it. With `log`, equal ways are equal factors; with `reach`, the slider ends at ±reach.
 * @param {{label: string, value: number, onChange: (x: number) => void, least: number, most: number, reach?: number, step?: number, log?: boolean,
 *   digits?: number, test?: string}} props */
export function Slider({ label, value, onChange, least, most, reach, step = 0.01, log, digits = 3, test }) {
  const to = (/** @type {number} */ x) => (log ? Math.log(x) : x);
  const from = (/** @type {number} */ x) => (log ? Number(Math.exp(x).toPrecision(3)) : x);
  const [low, high] = reach ? [-reach, reach] : [to(least), to(most)];
  const at = Math.min(high, Math.max(low, to(value)));
  return html`<div class="slider">
    <input type="range" aria-label=${label} aria-valuetext=${plain(value)} min=${low} max=${high}
      step=${log ? (high - low) / 200 : step} value=${at} data-test=${test && `${test}-slider`}
      onInput=${(/** @type {any} */ e) => onChange(from(Number(e.target.value)))} />
    <${Num} label=${label} hideLabel value=${value} onChange=${onChange} least=${least} most=${most} step=${step} digits=${digits} test=${test} />
  </div>`;
}

/** The bits of a visible vector, to be switched. */
export function Bits(/** @type {{label: string, value: number[], onChange: (bits: number[]) => void, test: string}} */ { label, value, onChange, test }) {
  return html`<span class="bits" role="group" aria-label=${label}>
    ${value.map((bit, i) => html`<button type="button" class=${bit ? "bit on" : "bit"} aria-pressed=${bit ? "true" : "false"} aria-label=${`${label}, ${indexed("v", i + 1)}: ${bit}`}
      data-test=${`${test}-${i}`} onClick=${() => onChange(value.map((x, j) => (j === i ? 1 - x : x)))}>${bit}</button>`)}
  </span>`;
}

/** The visible vector that the chapters ask about. */
export function Target(/** @type {{label: string, test: string}} */ { label, test }) {
  const { state, change } = usePage();
  return html`<${Bits} label=${label} value=${state.target} onChange=${(/** @type {number[]} */ target) => change({ target }, { merge: "target" })} test=${test} />`;
}

/** One of a few, as a row of radio buttons. */
export function Choice(/** @type {{label: string, value: any, options: [any, any][], onChange: (value: any) => void, test?: string}} */ { label, value, options, onChange, test }) {
  const name = useId();
  return html`<fieldset class="choice" data-test=${test}>
    <legend>${label}</legend>
    ${options.map(([option, text]) => html`<label class=${option === value ? "on" : ""}>
      <input type="radio" name=${name} value=${String(option)} checked=${option === value} onChange=${() => onChange(option)} />
      <span>${text}</span>
    </label>`)}
  </fieldset>`;
}

/** @param {{onClick: (event: Event) => void, primary?: boolean, disabled?: boolean, title?: string, pressed?: boolean, test?: string,
 *   label?: string, children?: any}} props */
export function Button({ onClick, primary, disabled, title, pressed, test, label, children }) {
  return html`<button type="button" class=${primary ? "button primary" : "button"} disabled=${disabled} title=${title} onClick=${onClick}
    aria-pressed=${pressed === undefined ? undefined : String(pressed)} aria-label=${label} data-test=${test}>${children}</button>`;
}

/** A button that takes a file. @param {{accept: string, onChoose: (file: File) => void, test: string, children?: any}} props */
export function Chooser({ accept, onChoose, test, children }) {
  return html`<label class="button choose"><input type="file" accept=${accept} data-test=${test}
    onChange=${(/** @type {any} */ e) => (e.target.files?.[0] && onChoose(e.target.files[0]), (e.target.value = ""))} />${children}</label>`;
}

/** Something that went wrong, in words. @param {{children?: any, onDismiss?: () => void}} props */
export function Error({ children, onDismiss }) {
  return html`<p class="error" role="alert">${children}
    ${onDismiss && html` <button type="button" class="link" onClick=${onDismiss}>dismiss</button>`}</p>`;
}

/** Close what is open when Escape is pressed or something beside it; Escape gives the focus back to its button. */
export function useDismissed(/** @type {{current: HTMLElement | null}} */ place, /** @type {boolean} */ open, /** @type {() => void} */ close) {
  useEffect(() => {
    if (!open) return;
    const shut = (/** @type {Event} */ event) => {
      const escaped = event instanceof KeyboardEvent && event.key === "Escape";
      if (escaped && place.current?.contains(document.activeElement)) place.current.querySelector("button")?.focus();
      if (escaped || (event.type === "pointerdown" && !place.current?.contains(/** @type {Node} */ (event.target)))) close();
    };
    document.addEventListener("keydown", shut, true);
    document.addEventListener("pointerdown", shut, true);
    return () => {
      document.removeEventListener("keydown", shut, true);
      document.removeEventListener("pointerdown", shut, true);
    };
  }, [open]);
}
