/** What takes long is computed here, beside the page. Each function is called by its name with plain arguments, and keeps what it
 * needs between calls in its own module. */
import { thousand } from "./answers/cloud.js";
import { advanceTraining, beginTraining, describeModel, dream, openModel, respond, saveModel } from "./answers/images.js";

export const FUNCTIONS = { thousand, advanceTraining, beginTraining, describeModel, dream, openModel, respond, saveModel };

export function answer(/** @type {Call} */ { id, name, args }) {
  try {
    return { id, answer: /** @type {any} */ (FUNCTIONS)[name](...args) };
  } catch (error) {
    return { id, error: /** @type {Error} */ (error).message };
  }
}

// A page that cannot start a worker calls `answer` itself.
if (typeof document === "undefined") self.onmessage = ({ data }) => self.postMessage(answer(data));
