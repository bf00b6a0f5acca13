/** The page's one WebSocket: questions and answers, pushes, and a connection that comes back by itself. */

/** @typedef {"connecting" | "open" | "lost"} Status */
/** @typedef {{ask: (name: string, params?: object, options?: {latest?: string}) => Promise<any>,
 *   on: (push: string, fn: (payload: any) => void) => () => void,
 *   status: () => Status, onStatus: (fn: (status: Status) => void) => () => void}} Transport */

const FIRST_WAIT = 300;
const LONGEST_WAIT = 3000;

/** @param {string} url @returns {Transport} */
export function connect(url) {
  /** @type {WebSocket | null} */
  let socket = null;
  /** @type {Status} */
  let status = "connecting";
  let wait = FIRST_WAIT;
  const statusListeners = new Set();
  /** @param {Status} now */
  const become = (now) => {
    status = now;
    for (const fn of statusListeners) fn(now);
  };
  const exchange = createExchange((text) => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(text);
  });

  const open = () => {
    socket = new WebSocket(url);
    socket.onopen = () => {
      wait = FIRST_WAIT;
      become("open");
      exchange.sendAgain();
    };
    socket.onmessage = (event) => exchange.receive(event.data);
    socket.onclose = () => {
      if (status !== "lost") become("lost");
      setTimeout(open, wait);
      wait = Math.min(LONGEST_WAIT, wait * 1.5);
    };
  };
  open();
  return {
    ask: exchange.ask,
    on: exchange.on,
    status: () => status,
    onStatus: (fn) => {
      statusListeners.add(fn);
      return () => statusListeners.delete(fn);
    },
  };
}

/** Matches answers to questions over any channel that carries text. Unanswered questions can be sent again: the server keeps
 * nothing of a question, so asking twice does no harm.
 * @param {(text: string) => void} send */
export function createExchange(send) {
  let last = 0;
  /** @type {Map<number, {text: string, resolve: (answer: any) => void, reject: (error: Error) => void, after: () => void}>} */
  const waiting = new Map();
  /** The newest question of each key that may not be sent yet. @type {Map<string, null | (() => void)>} */
  const latest = new Map();
  /** @type {Map<string, Set<(payload: any) => void>>} */
  const listeners = new Map();

  /** @param {string} name @param {object} params @param {() => void} after @returns {Promise<any>} */
  const sendOne = (name, params, after) =>
    new Promise((resolve, reject) => {
      const id = ++last;
      const text = JSON.stringify({ ...params, id, ask: name });
      waiting.set(id, { text, resolve, reject, after });
      send(text);
    });

  return {
    /** @param {string} name @param {object} [params] @param {{latest?: string}} [options] @returns {Promise<any>} */
    ask(name, params = {}, options = {}) {
      const key = options.latest;
      if (key === undefined) return sendOne(name, params, () => {});
      const done = () => {
        const next = latest.get(key);
        latest.delete(key);
        next?.();
      };
      if (!latest.has(key)) {
        latest.set(key, null);
        return sendOne(name, params, done);
      }
      return new Promise((resolve, reject) => {
        latest.set(key, () => {
          latest.set(key, null);
          sendOne(name, params, done).then(resolve, reject);
        });
      });
    },
    /** @param {string} push @param {(payload: any) => void} fn */
    on(push, fn) {
      if (!listeners.has(push)) listeners.set(push, new Set());
      listeners.get(push)?.add(fn);
      return () => listeners.get(push)?.delete(fn);
    },
    /** @param {string} text */
    receive(text) {
      const message = JSON.parse(text);
      if (message.push) {
        for (const fn of listeners.get(message.push) ?? []) fn(message);
        return;
      }
      const question = waiting.get(message.id);
      if (!question) return;
      waiting.delete(message.id);
      question.after();
      if (message.error === undefined) question.resolve(message.answer);
      else question.reject(new Error(message.error));
    },
    sendAgain() {
      for (const { text } of waiting.values()) send(text);
    },
  };
}
