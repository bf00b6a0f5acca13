/** What takes long is computed here, beside the page. Each function is called by its name with plain arguments, and keeps what it
 * needs between calls in its own module. */
import { thousand } from "./answers/cloud.js";
import { advanceTraining, beginTraining, describeModel, dream, openModel, respond, saveModel } from "./answers/images.js";

const FUNCTIONS = { thousand, advanceTraining, beginTraining, describeModel, dream, openModel, respond, saveModel };

/** @typedef {typeof FUNCTIONS} Functions */

self.onmessage = ({ data: { id, name, args } }) => {
  try {
    self.postMessage({ id, answer: /** @type {any} */ (FUNCTIONS)[name](...args) });
  } catch (error) {
    self.postMessage({ id, error: /** @type {Error} */ (error).message });
  }
};
