/** A probability as a bar. */
import { html } from "../html.js";

/** `share` of the full width, from 0 to 1; `mark` is a tick at another share, `error` a whisker to both sides of the bar's end.
 * @param {{share: number, mark?: number | null, error?: number | null, strong?: boolean}} props */
export function Bar({ share, mark, error, strong }) {
  const at = (/** @type {number} */ x) => `${100 * Math.min(1, Math.max(0, x))}%`;
  return html`<span class=${strong ? "bar strong" : "bar"} aria-hidden="true">
    <span class="fill" style=${`width:${at(share)}`}></span>
    ${error ? html`<span class="whisker" style=${`left:${at(share - error)};right:calc(100% - ${at(share + error)})`}></span>` : null}
    ${mark === undefined || mark === null ? null : html`<span class="mark" style=${`left:${at(mark)}`}></span>`}
  </span>`;
}
