/** What every part of the page shares: the state with undo, the newest table, and what is pointed at. */
import htm from "htm";
import { createContext, h } from "preact";
import { useContext, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { tableOf } from "./answers/machine.js";
import { rbmOf, Tables } from "./engine.js";
import { decode, encode, initialState } from "./state.js";

export * from "preact/hooks";
export * from "./format.js";
export * from "./state.js";

/** Markup as tagged templates. */
export const html = htm.bind(h);

const MERGE_MS = 1500;
const URL_MS = 150;
const MOST_UNDO = 200;

const Context = createContext(/** @type {ReturnType<typeof useShared>} */ (/** @type {any} */ (null)));
export const usePage = () => useContext(Context);

export function Page(/** @type {Options & {children?: any}} */ { children, ...options }) {
  return html`<${Context.Provider} value=${useShared(options)}>${children}<//>`;
}

function useShared(/** @type {Options} */ { start, onState, model = null, embed = "" }) {
  const ownsUrl = start === undefined;
  const first = useMemo(() => (start === undefined ? decode(embed ? location.hash.replace(/^#?[^?]*/, `#${embed}`) : location.hash) : { state: { ...initialState(), ...start }, section: "", problems: [] }), []);
  const [state, setState] = useState(first.state);
  const [problems, setProblems] = useState(first.problems);
  const [section, setSection] = useState({ name: first.section });
  const [stop, setStop] = useState(/** @type {number | null} */ (null));
  const [hover, setHover] = useState(/** @type {Hover} */ (null));
  const tables = useMemo(() => new Tables(rbmOf(state.machine, state.temperature)), [state.machine, state.temperature]);
  const table = useMemo(() => tableOf(tables, state.clamp), [tables, state.clamp]);
  const now = useRef(state);
  const past = useRef(/** @type {State[]} */ ([]));
  const future = useRef(/** @type {State[]} */ ([]));
  const merging = useRef({ key: "", at: 0 });

  const put = (/** @type {State} */ next) => {
    now.current = next;
    setState(next);
  };
  const change = (/** @type {Partial<State>} */ patch, /** @type {{merge?: string}} */ { merge = "" } = {}) => {
    const same = merge !== "" && merge === merging.current.key && Date.now() - merging.current.at < MERGE_MS;
    merging.current = { key: merge, at: Date.now() };
    if (!same) past.current = [...past.current.slice(1 - MOST_UNDO), now.current];
    future.current = [];
    put({ ...now.current, ...patch });
  };
  const travel = (/** @type {{current: State[]}} */ from, /** @type {{current: State[]}} */ to) => {
    const next = from.current.pop();
    if (!next) return;
    to.current.push(now.current);
    merging.current.key = "";
    put({ ...next, chapter: now.current.chapter });
  };
  const go = (/** @type {string} */ chapter) => {
    if (chapter === now.current.chapter) return;
    if (ownsUrl) {
      history.replaceState({ chapter: now.current.chapter }, "", encode(now.current));
      history.pushState({ chapter }, "", encode({ ...now.current, chapter }));
      window.scrollTo(0, 0);
    }
    put({ ...now.current, chapter });
  };
  const visit = (/** @type {string} */ hash) => {
    const found = decode(hash);
    go(found.state.chapter);
    change(found.state);
    setSection({ name: found.section });
  };
  const setting = (/** @type {string} */ id, /** @type {string} */ key, /** @type {any} */ otherwise, /** @type {any[]} */ among = []) => {
    const found = own(own(state.settings, id) ?? {}, key) ?? otherwise;
    return among.length && !among.includes(found) ? otherwise : found;
  };
  const changeSetting = (/** @type {string} */ id, /** @type {Record<string, any>} */ values) => {
    const settings = { ...now.current.settings, [id]: { ...own(now.current.settings, id), ...values } };
    change({ settings }, { merge: `setting:${id}:${Object.keys(values).join()}` });
  };

  useEffect(() => onState?.(state), [state]);
  useEffect(() => {
    if (!ownsUrl) return;
    const timer = setTimeout(() => {
      if (location.hash !== encode(state)) history.replaceState({ chapter: state.chapter }, "", encode(state));
    }, URL_MS);
    return () => clearTimeout(timer);
  }, [state]);
  useEffect(() => {
    if (!ownsUrl) return;
    const read = (/** @type {PopStateEvent} */ event) => {
      // Back and forward go through the chapters and keep the machine; an address typed or linked to brings its own.
      if (event.state?.chapter) return put({ ...now.current, chapter: event.state.chapter });
      const found = decode(location.hash);
      setProblems(found.problems);
      setSection({ name: found.section });
      history.replaceState({ chapter: found.state.chapter }, "", encode(found.state));
      if (encode(found.state) !== encode(now.current)) {
        past.current = [...past.current, now.current];
        put(found.state);
      }
    };
    window.addEventListener("popstate", read);
    return () => window.removeEventListener("popstate", read);
  }, []);

  return {
    state, change, setting, changeSetting,
    tables, table, hover, setHover,
    go, visit, section, stop, setStop, ownsUrl, model, embed,
    current: () => now.current,
    undo: () => travel(past, future),
    redo: () => travel(future, past),
    reset: () => change({ ...initialState(), chapter: state.chapter, cards: state.cards }),
    canUndo: past.current.length > 0,
    canRedo: future.current.length > 0,
    problems,
    complain: (/** @type {string} */ problem) => setProblems((old) => [...old, problem]),
    dismiss: () => setProblems([]),
  };
}

/** What an object has itself: a link may name what every object inherits. @param {Record<string, any>} object @param {string} key */
const own = (object, key) => (Object.hasOwn(object, key) ? object[key] : undefined);
