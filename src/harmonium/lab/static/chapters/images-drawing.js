/** What is drawn and what of it is erased, for pictures of each shape. */
import { useEffect, usePage, useRef, useState } from "../ui.js";
import { compute } from "../compute.js";
import { digits, PIXELS } from "../engine/digits.js";

/** Larger drawings stay out of the URL. */
const MOST_IN_URL = 256;
const FIRST_DIGIT = 18;

/** Sweeps from noise to an example of a machine that knows no digits. */
const SWEEPS = 50;

/** @param {"training" | "file"} which @param {Shape} shape */
export function useDrawing(which, shape) {
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
