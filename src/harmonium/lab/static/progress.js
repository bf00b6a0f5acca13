/** What a reader has worked out stays in the browser: a link or an undo takes nothing of it along. */
import { useMemo, useState } from "preact/hooks";

const KEY = "harmonium-lab";

/** @returns {string[]} */
export function readDone() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(found) ? found.filter((name) => typeof name === "string") : [];
  } catch {
    return []; // a browser may keep nothing, as in a private frame
  }
}

/** Whether something of this name is done, and how to say so. @param {string} name @returns {[boolean, () => void]} */
export function useDone(name) {
  const before = useMemo(() => readDone().includes(name), [name]);
  const [marked, setMarked] = useState("");
  const mark = () => {
    setMarked(name);
    try {
      localStorage.setItem(KEY, JSON.stringify([...new Set([...readDone(), name])]));
    } catch {}
  };
  return [before || marked === name, mark];
}
