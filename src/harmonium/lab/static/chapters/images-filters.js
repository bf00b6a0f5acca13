/** The filters: each hidden unit's weights as a picture; one of them enlarged. */
import { fixed, html, useMemo, useRef, useState } from "../ui.js";
import { MARKED_WIDTH, oneSign, Picture, usePictures } from "./images-picture.js";

/** @param {{packed: Pictures | undefined, height: number, width: number, of: number, test: string}} props */
export function Filters({ packed, height, width, of, test }) {
  const pictures = usePictures(packed);
  const [wanted, setChosen] = useState(0);
  const list = useRef(/** @type {HTMLElement | null} */ (null));
  const chosen = Math.min(wanted, pictures.length - 1);
  const bytes = pictures[chosen];
  const signs = useMemo(() => (bytes && width > MARKED_WIDTH ? [oneSign(bytes, 1), oneSign(bytes, -1)] : null), [bytes, width]);
  if (!packed || !bytes) return null;
  /** @param {KeyboardEvent} event */
  const keyed = (event) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const next = (chosen + by + pictures.length) % pictures.length;
    setChosen(next);
    const button = list.current?.children[next];
    if (button instanceof HTMLElement) button.focus();
  };
  const name = `hidden unit ${chosen + 1}`;
  return html`<div class="unit-filters" data-test=${test}>
    <div class="gallery" role="radiogroup" aria-label=${`Filters of ${pictures.length} of ${of} hidden units; choose one to enlarge it`} ref=${list}
      onKeyDown=${keyed} style=${`--tile:${pictures.length > 32 ? 46 : 58}px`}>
      ${pictures.map(
        (bytes, j) => html`<button type="button" key=${j} role="radio" aria-checked=${String(j === chosen)} tabindex=${j === chosen ? 0 : -1}
          aria-label=${`hidden unit ${j + 1}`} onClick=${() => setChosen(j)}>
          <${Picture} bytes=${bytes} height=${height} width=${width} signed label="" /></button>`,
      )}
    </div>
    <figure class="enlarged">
      <${Picture} bytes=${bytes} height=${height} width=${width} signed large label=${`Weights of ${name} as a picture`} />
      ${signs && html`<div class="signs">
        <span><${Picture} bytes=${signs[0]} height=${height} width=${width} label=${`Positive weights of ${name}`} />positive</span>
        <span><${Picture} bytes=${signs[1]} height=${height} width=${width} label=${`Negative weights of ${name}`} />negative</span></div>`}
      <figcaption class="soft">${name}. Full color is a weight of \u00b1${fixed(packed.scale, 2)}: <span class="plus">${signs ? "positive" : "+"}</span> turns the unit on,
        ${" "}<span class="minus">${signs ? "negative" : "\u2212"}</span> keeps it off.</figcaption>
    </figure>
  </div>`;
}
