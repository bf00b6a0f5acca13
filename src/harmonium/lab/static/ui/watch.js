/** What a drawing has to follow: the room that it is given, and the page's colors. */
import { useEffect, useRef, useState } from "../page.js";

/** Call whenever light turns to dark. The answer ends that. */
export function followColors(/** @type {() => void} */ turned) {
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  scheme.addEventListener("change", turned);
  document.addEventListener("themechange", turned);
  return () => {
    scheme.removeEventListener("change", turned);
    document.removeEventListener("themechange", turned);
  };
}

/** Draw now, and again whenever light turns to dark. The answer ends that. */
export function drawInColors(/** @type {() => void} */ draw) {
  draw();
  return followColors(draw);
}

/** Call when the element changes its size. The answer ends that. */
export function followSize(/** @type {HTMLElement} */ element, /** @type {() => void} */ sized) {
  const watcher = new ResizeObserver(sized);
  watcher.observe(element);
  return () => watcher.disconnect();
}

/** The width that the page gives an element, and the element's reference. */
export function useWidth(/** @type {number} */ least) {
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const [width, setWidth] = useState(Math.max(320, least));
  useEffect(() => {
    const element = place.current;
    return element ? followSize(element, () => setWidth(Math.max(least, element.clientWidth))) : undefined;
  }, []);
  return { place, width };
}
