/** Small pictures: bytes from the worker, in the page's own colors. Many of them, and the filters. */
import { fixed, followColors, html, useEffect, useMemo, useRef, useState } from "../ui.js";

const NAMES = /** @type {const} */ (["ink", "card", "line", "soft", "plus", "minus"]);
const MARK_FROM = { large: 0.12, small: 0.28 };
/** Wider pictures have no room for marks in their pixels. */
const MARKED_WIDTH = 16;

/** The page's colors as numbers, again whenever light turns to dark. @returns {Colors} */
export function useColors() {
  const [colors, setColors] = useState(read);
  useEffect(() => followColors(() => setColors(read())), []);
  return colors;
}

/** @returns {Colors} */
function read() {
  const place = document.querySelector(".harmonium-lab") ?? document.documentElement;
  const style = getComputedStyle(place);
  const pen = document.createElement("canvas").getContext("2d");
  return /** @type {Colors} */ (
    Object.fromEntries(
      NAMES.map((name) => {
        if (!pen) return [name, [0, 0, 0]];
        // A canvas writes every color it understands as #rrggbb.
        pen.fillStyle = style.getPropertyValue(`--${name}`).trim();
        const text = String(pen.fillStyle);
        return [name, [1, 3, 5].map((i) => parseInt(text.slice(i, i + 2), 16))];
      }),
    )
  );
}

/** @param {Rgb} from @param {Rgb} to @param {number} share @returns {Rgb} */
const mixed = (from, to, share) => /** @type {Rgb} */ (from.map((x, i) => x + (to[i] - x) * share));
/** @param {Rgb} rgb As a canvas takes it. */
export const css = (rgb) => `#${rgb.map((x) => Math.round(x).toString(16).padStart(2, "0")).join("")}`;

/** The color of a shade from 0 to 1, or of a number of either sign from -1 to 1. @param {Colors} colors @param {number} x @param {boolean} signed */
function shade(colors, x, signed) {
  if (!signed) return mixed(colors.card, colors.ink, x);
  return mixed(colors.card, x < 0 ? colors.minus : colors.plus, Math.abs(x) ** 0.8);
}

/** One picture; without a label it is ornament. Negative pixels carry a small minus where there is room, so that signs do not show by color alone.
 * @param {{bytes: Uint8Array, height: number, width: number, label: string, signed?: boolean, large?: boolean}} props */
export function Picture({ bytes, height, width, label, signed = false, large = false }) {
  const place = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const colors = useColors();
  const marked = signed && width <= MARKED_WIDTH;
  const cell = marked ? (large ? 13 : 7) : 1;
  useEffect(() => {
    const pen = place.current?.getContext("2d");
    if (!pen) return;
    const image = pen.createImageData(width * cell, height * cell);
    const pixels = new Uint32Array(image.data.buffer);
    const middle = (cell - 1) / 2;
    const arm = Math.floor(cell / 4);
    for (let i = 0; i < height * width; i++) {
      if (i >= bytes.length) continue;
      const x = signed ? (bytes[i] - 128) / 127 : bytes[i] / 255;
      const color = word(shade(colors, x, signed));
      const mark = word(mixed(shade(colors, x, signed), Math.abs(x) > 0.5 ? colors.card : colors.ink, 0.75));
      const hasMark = marked && Math.abs(x) > MARK_FROM[large ? "large" : "small"] && (large || x < 0);
      for (let row = 0; row < cell; row++) {
        const start = ((Math.floor(i / width) * cell + row) * width + (i % width)) * cell;
        for (let column = 0; column < cell; column++) {
          const across = row === middle && Math.abs(column - middle) <= arm;
          const down = x > 0 && column === middle && Math.abs(row - middle) <= arm;
          pixels[start + column] = hasMark && (across || down) ? mark : color;
        }
      }
    }
    pen.putImageData(image, 0, 0);
  }, [bytes, colors, height, width, signed, cell]);
  return html`<canvas class="picture" ref=${place} width=${width * cell} height=${height * cell} role=${label ? "img" : undefined} aria-label=${label || undefined}
    aria-hidden=${label ? undefined : "true"} style=${`aspect-ratio:${width}/${height}`}></canvas>`;
}

/** @param {Rgb} rgb A pixel as one little-endian word. */
const word = ([r, g, b]) => ((255 << 24) | (Math.round(b) << 16) | (Math.round(g) << 8) | Math.round(r)) >>> 0;

/** One sign of a picture of both: how far each pixel goes that way. @param {Uint8Array} bytes @param {1 | -1} sign */
const oneSign = (bytes, sign) => bytes.map((x) => Math.max(0, (sign * (x - 128) * 255) / 127));

/** The pictures of a message, one by one. @param {Pictures | null | undefined} packed @returns {Uint8Array[]} */
export function usePictures(packed) {
  return useMemo(() => {
    if (!packed || packed.count === 0) return [];
    const { bytes } = packed;
    const size = bytes.length / packed.count;
    return Array.from({ length: packed.count }, (_, n) => bytes.subarray(n * size, (n + 1) * size));
  }, [packed?.bytes]);
}

/** Many pictures in rows.
 * @param {{packed: Pictures | null | undefined, height: number, width: number, label: string, what: string, tile: number, most?: number,
 *   test?: string}} props `what`: the name of one of them */
export function Gallery({ packed, height, width, label, what, tile, most = 64, test }) {
  const pictures = usePictures(packed);
  return html`<div class="gallery" role="group" aria-label=${label} style=${`--tile:${tile}px`} data-test=${test}>
    ${pictures.slice(0, most).map((bytes, n) => html`<${Picture} key=${n} bytes=${bytes} height=${height} width=${width} label=${`${what} ${n + 1}`} />`)}
  </div>`;
}

/** The filters: each hidden unit's weights as a picture; one of them enlarged. @param {{packed: Pictures | undefined, height: number, width: number, of: number, test: string}} props */
export function Filters({ packed, height, width, of, test }) {
  const pictures = usePictures(packed);
  const [wanted, setChosen] = useState(0);
  const list = useRef(/** @type {HTMLElement | null} */ (null));
  const chosen = Math.min(wanted, pictures.length - 1);
  const bytes = pictures[chosen];
  const signs = useMemo(() => (bytes && width > MARKED_WIDTH ? [oneSign(bytes, 1), oneSign(bytes, -1)] : null), [bytes, width]);
  if (!packed || !bytes) return null;
  const keyed = (/** @type {KeyboardEvent} */ event) => {
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
