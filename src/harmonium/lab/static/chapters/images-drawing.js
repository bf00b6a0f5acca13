/** What is drawn and what of it is erased, for pictures of each shape. */
import { useEffect, useRef, useState } from "preact/hooks";
import { usePage } from "../page.js";
import { bitsOf } from "./images-picture.js";

/** @typedef {{height: number, width: number, visible: number, digits: boolean}} Shape */
/** @typedef {ReturnType<typeof useDrawing>} Drawing */

/** Larger drawings stay out of the URL. */
const MOST_IN_URL = 256;
const FIRST_DIGIT = 18;

/** @param {"training" | "file"} which @param {Shape} shape @param {boolean} ready Whether the machine can be asked. */
export function useDrawing(which, shape, ready) {
  const { ask, status, setting, changeSetting } = usePage();
  const { height, width, visible, digits } = shape;
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
    if (digits) return bitsOf((await ask("images.held_out", { first: number.current })).digits);
    return bitsOf((await ask("images.fantasies", { which, seed: number.current })).chains);
  };
  useEffect(() => {
    if (status !== "open" || first[key] || (!digits && !ready)) return;
    example().then((bits) => setFirst((old) => ({ ...old, [key]: bits })), () => {});
  }, [status, key, which, ready]);

  const empty = "0".repeat(visible);
  const bits = stored("draw") ?? (first[key]?.length === visible ? first[key] : empty);
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
    clear: () => store({ draw: empty }),
    restore: () => store({ erase: empty }),
    half: (/** @type {(row: number, column: number) => boolean} */ inside) => store({ erase: half(inside) }),
    another: async () => {
      number.current += 1;
      try {
        store({ draw: await example() });
      } catch {
        // The machine is gone: the chapter says so where it is.
      }
    },
  };
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
