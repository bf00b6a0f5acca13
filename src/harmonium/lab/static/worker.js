/** What takes long is computed here, beside the page. Each function is called by its name with plain arguments. */
import { FUNCTIONS } from "./compute.js";

self.onmessage = ({ data: { id, name, args } }) => {
  try {
    self.postMessage({ id, answer: /** @type {any} */ (FUNCTIONS)[name](...args) });
  } catch (error) {
    self.postMessage({ id, error: /** @type {Error} */ (error).message });
  }
};
