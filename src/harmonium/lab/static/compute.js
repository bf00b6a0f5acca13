/** The way to the worker: `compute("thousand", ...)` calls the function of that name there. */

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
