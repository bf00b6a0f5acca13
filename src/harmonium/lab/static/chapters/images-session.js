/** What goes on in this chapter: the training in the worker, and the model file that is open. It goes on while another chapter is read. */
import { useEffect, usePage, useState } from "../ui.js";
import { compute } from "../compute.js";

/** Updates a second, and the time between two looks at them. */
export const PACES = /** @type {Record<string, number>} */ ({ slow: 30, steady: 300, full: Infinity });
const FRAME_S = 0.2;
/** The time over which the speed is taken. */
const SPEED_MS = 2000;
const MAX_FILE = 64 << 20;

/** @type {{view: View | null, run: number, speed: number, pretrained: Described | null, file: Described | null, fileProblem: string, error: string}} */
let session = { view: null, run: 0, speed: 0, pretrained: null, file: null, fileProblem: "", error: "" };
let [order, pace] = ["", Infinity];
let wake = () => {};
let asked = false;
const listeners = /** @type {Set<(now: typeof session) => void>} */ (new Set());

function change(/** @type {Partial<typeof session>} */ patch) {
  session = { ...session, ...patch };
  for (const tell of listeners) tell(session);
}

const messageOf = (/** @type {unknown} */ problem) => (problem instanceof Error ? problem.message : String(problem));
const isOver = (/** @type {View | null} */ view) => !view || view.phase === "done" || view.phase === "failed";

/** Train, at the pace and by the orders given meanwhile, until it is over or another run begins. @param {DigitsSettings} settings */
async function train(settings) {
  const run = session.run + 1;
  [order, session.run] = ["", run];
  wake();
  let seen = /** @type {[number, number][]} */ ([]);
  let due = performance.now();
  try {
    let view = await compute("beginTraining", settings);
    while (run === session.run) {
      change({ view, error: "" });
      if (isOver(view)) return;
      const sent = order;
      if (view.phase === "paused" && !sent) {
        await /** @type {Promise<void>} */ (new Promise((resolve) => (wake = resolve)));
        [due, seen] = [performance.now(), []];
        continue;
      }
      order = "";
      const before = view.step;
      view = await compute("advanceTraining", sent, Math.max(1, pace * FRAME_S));
      const now = performance.now();
      seen = [...seen.filter(([time]) => now - time < SPEED_MS), [now, view.step]];
      session.speed = seen.length > 1 ? (1000 * (view.step - seen[0][1])) / (now - seen[0][0]) : 0;
      due = Math.max(due + (1000 * (view.step - before)) / pace, now);
      if (due > now && !order) await /** @type {Promise<void>} */ (new Promise((resolve) => (wake = resolve, setTimeout(resolve, due - now))));
    }
  } catch (problem) {
    change({ error: messageOf(problem) });
  }
}

/** Open a model file; whether it could be. @param {string} name @param {() => Promise<Uint8Array>} read */
async function open(name, read) {
  try {
    change({ fileProblem: "" });
    change({ file: await compute("openModel", name, await read()) });
    return true;
  } catch (problem) {
    change({ fileProblem: messageOf(problem) });
    return false;
  }
}

export function useSession() {
  const { model } = usePage();
  const [now, setNow] = useState(session);
  useEffect(() => {
    listeners.add(setNow);
    setNow(session);
    if (!asked) {
      asked = true;
      compute("describeModel", "training").then((pretrained) => change({ pretrained }), (problem) => change({ error: messageOf(problem) }));
      model?.().then(({ name, bytes }) => open(name, async () => bytes), (problem) => change({ fileProblem: messageOf(problem) }));
    }
    return () => void listeners.delete(setNow);
  }, []);
  const { view } = now;
  const unsaved = view !== null && view.step > 0;
  useEffect(() => {
    if (!unsaved) return;
    // Leaving the page would lose the model: the browser asks first.
    const ask = (/** @type {Event} */ event) => event.preventDefault();
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, [unsaved]);
  return {
    ...now,
    live: !isOver(view),
    /** @param {DigitsSettings & {pace: string}} settings */
    begin: ({ pace: name, ...settings }) => {
      pace = PACES[name];
      train(settings);
    },
    /** @param {string} what "play", "pause", "close" or "skip" */
    control: (what) => {
      order = what;
      wake();
    },
    /** @param {string} name */
    setPace: (name) => {
      pace = PACES[name];
      wake();
    },
    /** @param {File} file */
    open: (file) => open(file.name, async () => {
      if (file.size > MAX_FILE) throw new Error(`${file.name} has ${Math.round(file.size / 2 ** 20)} MiB; the models that this page opens have less than ${MAX_FILE >> 20}`);
      return new Uint8Array(await file.arrayBuffer());
    }),
    save: async () => {
      const { name, bytes } = await compute("saveModel");
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([/** @type {BlobPart} */ (bytes)]));
      link.download = name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    },
  };
}

/** Gibbs chains in the worker, on and on while `on`, up to so many sweeps; the newest that is known of them.
 * @param {{name: string, which: Which, known: string | null, seed: number, most: number, atOnce?: number, on: boolean, version: any}} settings
 *   `atOnce`: sweeps from one frame to the next; `version`: of the model; other chains begin where it is new */
export function useDream({ name, which, known, seed, most, atOnce = Infinity, on, version }) {
  const [found, setFound] = useState(/** @type {(ReturnType<Functions["dream"]> & {speed: number}) | null} */ (null));
  const [error, setError] = useState("");
  useEffect(() => {
    if (!on) return;
    let current = true;
    const go = async () => {
      let [first, begun] = [NaN, 0];
      while (current) {
        const next = await compute("dream", name, which, known, seed, most, atOnce);
        if (!current) return;
        if (Number.isNaN(first) || next.sweeps < first) [first, begun] = [next.sweeps, performance.now()];
        setFound({ ...next, speed: (1000 * (next.sweeps - first)) / Math.max(1, performance.now() - begun) });
        setError("");
        if (next.sweeps >= most) return;
        await new Promise(requestAnimationFrame);
      }
    };
    go().catch((problem) => current && setError(messageOf(problem)));
    return () => {
      current = false;
    };
  }, [name, which, known, seed, most, atOnce, on, version]);
  return { found, error };
}
