/** What goes on in this chapter: the training on the library's side, and the model file that is loaded. */
import { useEffect, useRef, useState } from "preact/hooks";
import { usePage } from "../page.js";
import { bytesOf } from "./images-picture.js";

/** @typedef {import("./images-picture.js").Packed} Packed */
/** @typedef {{hidden: number, rate: number, seed: number, updates: number, pace: number | null}} Settings */
/** @typedef {{step: number[], train: (number | null)[], valid: (number | null)[], train_pseudo: (number | null)[],
 *   valid_pseudo: (number | null)[], gap: (number | null)[]}} History */
/** @typedef {{mean: number, lower: number, upper: number, exact: boolean, method: string, rows: number, seconds: number,
 *   warnings: string[], train: number, baseline: number}} Closing */
/** @typedef {{run: number, phase: "starting" | "training" | "paused" | "evaluating" | "done" | "failed" | "lost", problem: string,
 *   settings: Settings, step: number, rate: number, pictures: {filters: Packed, chains: Packed, means: Packed} | null,
 *   history: History, stage: {stage: string, share: number} | null, closing: Closing | null}} View */
/** @typedef {{name: string, visible: number, hidden: number, visible_kind: string, hidden_kind: string, height: number, width: number,
 *   shape_from: "file" | "square" | "grid", trained_on: string | null, updates: number | null, digits: boolean, exact: boolean}} Described */
/** @typedef {ReturnType<typeof useRoom>} Room */

const PIECE = 192 * 1024;

/** What outlives the chapter's being on show. @type {WeakMap<object, {view: View | null, chosen: File | null}>} */
const memory = new WeakMap();

export function useRoom() {
  const { ask, on, status } = usePage();
  const kept = remembered(ask);
  const [view, show] = useState(kept.view);
  const [file, setFile] = useState(/** @type {Described | null} */ (null));
  const [fileProblem, setFileProblem] = useState("");
  const [loading, setLoading] = useState(0);
  const [error, setError] = useState("");
  const mostFile = useRef(Infinity);
  const setView = (/** @type {View | null} */ next) => {
    kept.view = next;
    show(next);
  };

  /** @param {File} chosen */
  const load = async (chosen) => {
    setFileProblem("");
    if (chosen.size > mostFile.current) {
      setFileProblem(`${chosen.name} has ${Math.round(chosen.size / 2 ** 20)} MiB, more than the ${mostFile.current / 2 ** 20} that this page takes in; name it on the command line instead: harmonium lab ${chosen.name}`);
      return false;
    }
    try {
      setLoading(0.01);
      const bytes = new Uint8Array(await chosen.arrayBuffer());
      let found = null;
      for (let offset = 0; offset === 0 || offset < bytes.length; offset += PIECE) {
        const piece = bytes.subarray(offset, offset + PIECE);
        const answer = await ask("images.upload", { name: chosen.name, size: bytes.length, offset, data: base64(piece) });
        found = answer.file;
        setLoading(Math.max(0.01, (offset + piece.length) / Math.max(1, bytes.length)));
      }
      kept.chosen = chosen;
      setFile(found);
      return true;
    } catch (problem) {
      setFileProblem(messageOf(problem));
      return false;
    } finally {
      setLoading(0);
    }
  };

  useEffect(
    () =>
      on("images.training", ({ push: _, ...next }) => {
        setView(next);
      }),
    [on],
  );
  useEffect(() => {
    if (status !== "open") return;
    let current = true;
    ask("images.look").then(
      (found) => {
        if (!current) return;
        mostFile.current = found.most_file;
        // A connection that is new knows nothing of a training that an old one had begun: it ended with that one.
        if (found.training) setView(found.training);
        else if (kept.view && kept.view.phase !== "lost") setView({ ...kept.view, phase: "lost" });
        setFile(found.file);
        if (found.file_problem) setFileProblem(found.file_problem);
        if (kept.chosen && found.file?.name !== kept.chosen.name) load(kept.chosen);
      },
      (problem) => current && setError(messageOf(problem)),
    );
    return () => {
      current = false;
    };
  }, [status]);

  /** @param {string} name @param {object} params */
  const tell = async (name, params) => {
    try {
      const next = await ask(name, params);
      setError("");
      return next;
    } catch (problem) {
      setError(messageOf(problem));
      return null;
    }
  };
  return {
    view,
    file,
    fileProblem,
    loading,
    error,
    load,
    /** @param {{hidden: number, rate: number, seed: number, pace: string}} settings */
    begin: async (settings) => {
      const next = await tell("images.train", settings);
      if (next) setView(next);
    },
    /** @param {{do?: string, pace?: string}} params What comes of it is pushed. */
    control: (params) => tell("images.control", params),
    save: async () => {
      const saved = await tell("images.save", {});
      if (saved) offer(saved.name, bytesOf(saved.data));
    },
  };
}

/** @param {object} ask */
function remembered(ask) {
  const found = memory.get(ask) ?? { view: null, chosen: null };
  memory.set(ask, found);
  return found;
}

/** @param {unknown} problem */
const messageOf = (problem) => (problem instanceof Error ? problem.message : String(problem));

/** @param {Uint8Array} bytes */
function base64(bytes) {
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}

/** Let the browser save some bytes as a file. @param {string} name @param {Uint8Array} bytes */
function offer(name, bytes) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([/** @type {BlobPart} */ (bytes)]));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
