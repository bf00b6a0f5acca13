/** The page in a notebook's cell: in a frame, so that neither knows the other's keys, styles and address. See anywidget. */

const SAVE_MS = 200;
const DARK = '[data-jp-theme-light="false"], .vscode-dark, .vscode-high-contrast, .dark, .dark *';

function render(/** @type {{model: WidgetModel, el: HTMLElement}} */ { model, el }) {
  const frame = document.createElement("iframe");
  frame.title = "Harmonium's lab";
  frame.style.cssText = "display:block;width:100%;height:760px;border:0;resize:vertical;overflow:auto";
  const file = /** @type {DataView} */ (model.get("file"));
  const bytes = new Uint8Array(file.buffer, file.byteOffset, file.byteLength);
  let timer = 0;
  // The page looks for this on its frame.
  Object.assign(frame, {
    lab: {
      start: model.get("state"),
      model: bytes.length ? async () => ({ name: "The notebook\u2019s model", bytes }) : null,
      onState: (/** @type {object} */ state) => {
        clearTimeout(timer);
        timer = window.setTimeout(() => {
          model.set("state", state);
          model.save_changes();
        }, SAVE_MS);
      },
    },
  });
  const follow = () => {
    const root = frame.contentDocument?.documentElement;
    if (!root) return;
    root.dataset.theme = document.body.matches(DARK) ? "dark" : "light";
    frame.contentDocument?.dispatchEvent(new Event("themechange"));
  };
  frame.onload = follow;
  const watcher = new MutationObserver(follow);
  watcher.observe(document.body, { attributes: true });
  frame.srcdoc = model.get("page");
  el.replaceChildren(frame);
  return () => {
    clearTimeout(timer);
    watcher.disconnect();
  };
}

export default { render };
