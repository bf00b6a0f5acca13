/** The way to the worker: `compute("thousand", ...)` calls the function of that name there. */
import { useEffect, useRef, useState } from "preact/hooks";

/** @typedef {import("./worker.js").Functions} Functions */

/** @type {Map<number, {resolve: (answer: any) => void, reject: (error: Error) => void}>} */
const waiting = new Map();
let last = 0;
/** @type {Worker | null} */
let worker = null;

/** Call a function in the worker. Calls are answered in their order.
 * @template {keyof Functions} N @param {N} name @param {Functions[N] extends (...args: infer A) => any ? A : never} args
 * @returns {Promise<Functions[N] extends (...args: any[]) => infer R ? Awaited<R> : never>} */
export function compute(name, ...args) {
  worker ??= start();
  const id = ++last;
  worker.postMessage({ id, name, args });
  return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
}

function start() {
  const started = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  started.onmessage = ({ data: { id, answer, error } }) => {
    const call = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) call?.resolve(answer);
    else call?.reject(new Error(error));
  };
  return started;
}

/** What a function in the worker answers, called again whenever `args` or `deps` change; the previous answer stays until the next one comes.
 * @template {keyof Functions} N @param {N} name @param {Parameters<Functions[N]>} args @param {any[]} [deps]
 * @returns {{answer: ReturnType<Functions[N]> | null, error: string}} */
export function useComputed(name, args, deps = []) {
  const [found, setFound] = useState(/** @type {any} */ ({ answer: null, error: "" }));
  const calls = useRef({ busy: false, next: /** @type {any[] | null} */ (null) });
  useEffect(() => {
    const call = async (/** @type {any} */ these) => {
      calls.current.busy = true;
      try {
        setFound({ answer: await compute(name, ...these), error: "" });
      } catch (error) {
        setFound((/** @type {any} */ old) => ({ ...old, error: /** @type {Error} */ (error).message }));
      }
      const { next } = calls.current;
      calls.current = { busy: next !== null, next: null };
      if (next) call(next);
    };
    // Of the calls that wait for this one, only the newest is made.
    if (calls.current.busy) calls.current.next = args;
    else call(args);
  }, [...args, ...deps]);
  return found;
}
