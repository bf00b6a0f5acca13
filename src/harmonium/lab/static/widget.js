/** The page inside a notebook: the same parts over the notebook's own channel. */
import { mount } from "./app.js";
import { initialState } from "./state.js";
import { createExchange } from "./transport.js";

/** What a notebook's side gives: see anywidget's model.
 * @typedef {{get: (name: string) => any, set: (name: string, value: any) => void, save_changes: () => void,
 *   send: (content: any) => void, on: (event: string, fn: (content: any) => void) => void, off: (event: string, fn: (content: any) => void) => void}} Model */

const SAVE_MS = 200;

/** @param {{model: Model, el: HTMLElement}} place */
function render({ model, el }) {
  const exchange = createExchange((text) => model.send({ text }));
  const receive = (/** @type {{text: string}} */ content) => exchange.receive(content.text);
  model.on("msg:custom", receive);
  /** @type {import("./transport.js").Transport} */
  const transport = { ask: exchange.ask, on: exchange.on, status: () => "open", onStatus: () => () => {} };
  let timer = 0;
  const onState = (/** @type {import("./state.js").State} */ state) => {
    clearTimeout(timer);
    timer = window.setTimeout(() => {
      model.set("state", state);
      model.save_changes();
    }, SAVE_MS);
  };
  const remove = mount(el, transport, { start: { ...initialState(), ...model.get("state") }, onState });
  return () => {
    clearTimeout(timer);
    model.off("msg:custom", receive);
    remove();
  };
}

export default { render };
