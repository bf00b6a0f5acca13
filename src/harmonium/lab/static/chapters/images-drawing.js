/** What is drawn and what of it is erased, for pictures of each shape, and how: by hand, or from an image. */
import { html, useEffect, useId, usePage, useRef, useState } from "../ui.js";
import { compute } from "../compute.js";
import { digits, PIXELS } from "../engine/digits.js";
import { css, useColors } from "./images-picture.js";

/** Larger drawings stay out of the URL. */
const MOST_IN_URL = 256;
const FIRST_DIGIT = 18;

/** Sweeps from noise to an example of a machine that knows no digits. */
const SWEEPS = 50;

export function useDrawing(/** @type {"training" | "file"} */ which, /** @type {Shape} */ shape) {
  const { setting, changeSetting } = usePage();
  const { height, width, visible } = shape;
  const key = `${height}x${width}`;
  const [large, setLarge] = useState(/** @type {Record<string, string>} */ ({}));
  const inUrl = visible <= MOST_IN_URL;
  const stored = (/** @type {string} */ name) => {
    const found = inUrl ? setting("images", name + key, null) : large[name + key];
    return typeof found === "string" && found.length === visible && /^[01]+$/.test(found) ? found : null;
  };
  const store = (/** @type {Record<string, string>} */ values) => {
    const named = Object.fromEntries(Object.entries(values).map(([name, text]) => [name + key, text]));
    if (inUrl) changeSetting("images", named);
    else setLarge((old) => ({ ...old, ...named }));
  };
  // The picture that is shown until something is drawn: a held-out digit, or what a machine of other pictures imagines.
  const [first, setFirst] = useState(/** @type {Record<string, string>} */ ({}));
  const number = useRef(FIRST_DIGIT);
  const example = async () => {
    if (shape.digits) return digitBits(number.current);
    const { samples } = await compute("dream", "example", which, null, number.current, SWEEPS);
    return [...samples.bytes.subarray(0, visible)].map((x) => (x > 127 ? "1" : "0")).join("");
  };
  useEffect(() => {
    if (shape.digits || first[key]) return;
    example().then((bits) => setFirst((old) => ({ ...old, [key]: bits })), () => {});
  }, [key, which]);

  const empty = "0".repeat(visible);
  const bits = stored("draw") ?? (shape.digits ? digitBits(FIRST_DIGIT) : first[key]?.length === visible ? first[key] : empty);
  const half = (/** @type {(row: number, column: number) => boolean} */ inside) =>
    [...empty].map((_, i) => (inside(Math.floor(i / width), i % width) ? "1" : "0")).join("");
  const erased = stored("erase") ?? half((row) => row >= height / 2);
  const painted = (/** @type {string} */ old, /** @type {number[]} */ pixels, /** @type {string} */ value) => {
    const next = [...old];
    for (const pixel of pixels) next[pixel] = value;
    return next.join("");
  };
  return {
    bits,
    erased,
    draw: (/** @type {number[]} */ pixels, /** @type {string} */ value) => store({ draw: painted(bits, pixels, value) }),
    erase: (/** @type {number[]} */ pixels, /** @type {string} */ value) => store({ erase: painted(erased, pixels, value) }),
    /** @param {string} drawn */
    put: (drawn) => store({ draw: drawn }),
    clear: () => store({ draw: empty }),
    restore: () => store({ erase: empty }),
    half: (/** @type {(row: number, column: number) => boolean} */ inside) => store({ erase: half(inside) }),
    another: async () => {
      number.current += 1;
      store({ draw: await example() });
    },
  };
}

/** Test digit number n. @param {number} n */
function digitBits(n) {
  const { test } = digits();
  const from = (n * PIXELS) % test.length;
  return test.subarray(from, from + PIXELS).join("");
}

/** A value that changes at most every so often; the last one is never lost.
 * @template T @param {T} value @param {number} ms @returns {T} */
export function useCalm(value, ms) {
  const [calm, setCalm] = useState(value);
  const last = useRef(0);
  useEffect(() => {
    const timer = setTimeout(() => {
      last.current = Date.now();
      setCalm(value);
    }, Math.max(0, last.current + ms - Date.now()));
    return () => clearTimeout(timer);
  }, [value, ms]);
  return calm;
}

/** Canvas pixels, two for each of the page's. */
const SIDE = 600;
const LINES_FROM = 16;

/** A grid of pixels to draw on, with the mouse, a finger or the keyboard. `bits` has a 0 or 1 for each pixel, `erased` likewise (1: unknown) or is null. `onPaint` gets the pixels and what they become.
 * @param {{height: number, width: number, bits: string, erased?: string | null, label: string, what?: [string, string],
 *   values: string, onPaint: (pixels: number[], value: string) => void, test?: string}} props `values`: what painting changes, the
 *   bits or the erased; `what`: words for its 0 and 1 */
export function Pad({ height, width, bits, erased = null, label, what = ["blank", "ink"], values, onPaint, test }) {
  const place = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const colors = useColors();
  const [at, setAt] = useState(0);
  const [focused, setFocused] = useState(false);
  const painting = useRef(/** @type {{value: string, last: number} | null} */ (null));
  const id = useId();
  const cell = Math.max(4, Math.floor(SIDE / Math.max(height, width)));
  const here = Math.min(at, bits.length - 1);

  useEffect(() => {
    const pen = place.current?.getContext("2d");
    if (!pen) return;
    const gap = cell >= LINES_FROM ? 2 : 0;
    pen.fillStyle = css(colors.line);
    pen.fillRect(0, 0, width * cell, height * cell);
    for (let i = 0; i < bits.length; i++) {
      const [x, y] = [(i % width) * cell, Math.floor(i / width) * cell];
      const unknown = erased?.[i] === "1";
      pen.fillStyle = css(unknown || bits[i] === "0" ? colors.card : colors.ink);
      pen.fillRect(x, y, cell - gap, cell - gap);
      if (unknown) hatch(pen, x, y, cell - gap, css(colors.soft));
    }
    if (focused) {
      pen.strokeStyle = css(colors.plus);
      pen.lineWidth = Math.max(2, cell / 14);
      pen.strokeRect((here % width) * cell + 2, Math.floor(here / width) * cell + 2, cell - 4, cell - 4);
    }
  }, [bits, erased, colors, height, width, focused, here]);

  /** @param {PointerEvent} event @returns {number} The pixel under the pointer, or -1. */
  const under = (event) => {
    const box = place.current?.getBoundingClientRect();
    if (!box) return -1;
    const column = Math.floor(((event.clientX - box.left) / box.width) * width);
    const row = Math.floor(((event.clientY - box.top) / box.height) * height);
    const pixel = row * width + column;
    return column >= 0 && column < width && row >= 0 && row < height && pixel < bits.length ? pixel : -1;
  };
  const down = (/** @type {PointerEvent} */ event) => {
    const pixel = under(event);
    if (pixel < 0) return;
    place.current?.setPointerCapture(event.pointerId);
    // The first pixel is flipped, and the stroke continues with its new value.
    const value = values[pixel] === "1" ? "0" : "1";
    painting.current = { value, last: pixel };
    setAt(pixel);
    onPaint([pixel], value);
  };
  const move = (/** @type {PointerEvent} */ event) => {
    if (!painting.current) return;
    const pixel = under(event);
    const { value, last } = painting.current;
    if (pixel < 0 || pixel === last) return;
    painting.current.last = pixel;
    onPaint(between(last, pixel, width), value);
  };
  const up = () => (painting.current = null);
  const keyed = (/** @type {KeyboardEvent} */ event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -width, ArrowDown: width }[event.key];
    if (by === undefined && event.key !== " " && event.key !== "Enter") return;
    event.preventDefault();
    if (by === undefined) {
      onPaint([here], values[here] === "1" ? "0" : "1");
      return;
    }
    const sideways = Math.abs(by) === 1 && width > 1;
    const leaves = sideways && Math.floor((here + by) / width) !== Math.floor(here / width);
    if (!leaves && here + by >= 0 && here + by < bits.length) setAt(here + by);
  };
  return html`<div class="pad">
    <div role="application" tabindex="0" aria-label=${`${label}, ${height} by ${width} pixels`} aria-describedby=${`${id}-how`} data-test=${test} data-bits=${bits}
      data-erased=${erased} onKeyDown=${keyed} onFocus=${() => setFocused(true)} onBlur=${() => setFocused(false)}>
      <canvas ref=${place} width=${width * cell} height=${height * cell} style=${`width:${(width * cell) / 2}px;aspect-ratio:${width}/${height}`} aria-hidden="true"
        onPointerDown=${down} onPointerMove=${move} onPointerUp=${up} onPointerCancel=${up}></canvas>
    </div>
    <p class="hidden" id=${`${id}-how`}>Arrow keys move, the space bar flips a pixel.</p>
    <p class="hidden" aria-live="polite">${focused ? `row ${Math.floor(here / width) + 1}, column ${(here % width) + 1}: ${what[Number(values[here])]}` : ""}</p>
  </div>`;
}

function hatch(/** @type {CanvasRenderingContext2D} */ pen, /** @type {number} */ x, /** @type {number} */ y, /** @type {number} */ size, /** @type {string} */ color) {
  pen.save();
  pen.beginPath();
  pen.rect(x, y, size, size);
  pen.clip();
  pen.strokeStyle = color;
  pen.lineWidth = Math.max(1, size / 26);
  const step = Math.max(4, size / 5);
  pen.beginPath();
  for (let shift = -size; shift < size; shift += step) {
    pen.moveTo(x + shift, y + size);
    pen.lineTo(x + shift + size, y);
  }
  pen.stroke();
  pen.restore();
}

/** The pixels on the way from one to another, the last included. @param {number} from @param {number} to @param {number} width */
function between(from, to, width) {
  const [x0, y0, x1, y1] = [from % width, Math.floor(from / width), to % width, Math.floor(to / width)];
  const steps = Math.max(Math.abs(x1 - x0), Math.abs(y1 - y0));
  return Array.from({ length: steps }, (_, n) => {
    const share = (n + 1) / steps;
    return Math.round(y0 + (y1 - y0) * share) * width + Math.round(x0 + (x1 - x0) * share);
  });
}

/** An image as bits, scaled to the machine's pixels: ink where it differs from its border by more than half of what it differs at most. */
export async function readImage(/** @type {File} */ file, /** @type {{height: number, width: number, visible: number}} */ { height, width, visible }) {
  let image;
  try {
    image = await createImageBitmap(file);
  } catch {
    throw new Error(`${file.name} is not an image that this browser can read; use PNG or JPEG`);
  }
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  if (!pen) throw new Error("this browser has no canvas to read an image with");
  // What is transparent is paper. Sizes are halved step by step, because browsers skip pixels where they shrink by more.
  let source = /** @type {ImageBitmap | HTMLCanvasElement} */ (image);
  while (source.width > 2 * width && source.height > 2 * height) {
    const half = Object.assign(document.createElement("canvas"), { width: source.width >> 1, height: source.height >> 1 });
    half.getContext("2d")?.drawImage(source, 0, 0, half.width, half.height);
    source = half;
  }
  pen.fillStyle = "white";
  pen.fillRect(0, 0, width, height);
  pen.drawImage(source, 0, 0, width, height);
  const { data } = pen.getImageData(0, 0, width, height);
  const gray = Array.from({ length: visible }, (_, i) => 0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2]);
  const border = gray.filter((_, i) => i % width === 0 || i % width === width - 1 || i < width || i >= (height - 1) * width).sort((x, y) => x - y);
  const paper = border[border.length >> 1];
  const most = Math.max(...gray.map((x) => Math.abs(x - paper)));
  if (most < 16) throw new Error(`${file.name} is of one shade, as far as ${height} by ${width} pixels can tell`);
  return gray.map((x) => (Math.abs(x - paper) > most / 2 ? "1" : "0")).join("");
}
