/** The way to the worker: `compute("thousand", ...)` calls the function of that name there. */
import { useEffect, useRef, useState } from "preact/hooks";

/** Calls that have no answer yet, in their order.
 * @type {Map<number, {call: Call, resolve: (answer: any) => void, reject: (error: Error) => void}>} */
const waiting = new Map();
let last = 0;
let send = /** @type {((call: Call) => void) | null} */ (null);

/** Call a function in the worker. Calls are answered in their order.
 * @template {keyof Functions} N @param {N} name @param {Functions[N] extends (...args: infer A) => any ? A : never} args
 * @returns {Promise<Functions[N] extends (...args: any[]) => infer R ? Awaited<R> : never>} */
export function compute(name, ...args) {
  return new Promise((resolve, reject) => {
    const call = { id: ++last, name, args };
    waiting.set(call.id, { call, resolve, reject });
    (send ??= start())(call);
  });
}

/** Start the worker before it is needed. */
export function prepare() {
  send ??= start();
}

function start() {
  const url = new URL("./worker.js", import.meta.url);
  const worker = new Worker(url, { type: "module" });
  worker.onmessage = ({ data }) => settle(data);
  worker.onerror = async (event) => {
    // Chromium starts no worker for a page from a disk: that page computes by itself, between its frames.
    event.preventDefault();
    /** @type {typeof import("./worker.js")} */
    const { answer } = await import(String(url));
    let before = Promise.resolve();
    send = (call) => {
      before = before.then(() => new Promise((resolve) => setTimeout(resolve))).then(() => settle(answer(call)));
    };
    for (const { call } of waiting.values()) send(call);
  };
  return (/** @type {Call} */ call) => worker.postMessage(call);
}

function settle(/** @type {{id: number, answer?: any, error?: string}} */ { id, answer, error }) {
  const call = waiting.get(id);
  waiting.delete(id);
  if (error === undefined) call?.resolve(answer);
  else call?.reject(new Error(error));
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
