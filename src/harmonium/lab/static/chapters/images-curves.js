/** The course of a training as curves. What is a log likelihood and what is none is written beside. */
import { html } from "../html.js";
import { Curve } from "../ui/curve.js";

const HEIGHT = 230;

/** @param {{history: import("./images-room.js").History, exact: boolean}} props */
export function Curves({ history, exact }) {
  const { step, gap } = history;
  const x = step;
  const [train, valid] = exact ? [history.train, history.valid] : [history.train_pseudo, history.valid_pseudo];
  return html`<div class="curves">
    <div>
      <h4>${exact ? "Log likelihood: exact" : "Pseudo-log-likelihood: not a log likelihood"}</h4>
      <${Curve} x=${x} xLabel="updates" yLabel=${exact ? "mean ln p(v), nats" : "mean pseudo, nats"} height=${HEIGHT} test="likelihood"
        series=${[{ label: "training digits", values: train }, { label: "held-out digits", values: valid }]} />
      <p class="soft">${exact
        ? "Every value sums over all states of the hidden layer. It begins where pixels on their own would be."
        : "Above 20 hidden units ln Z takes too long to follow. This sums how well each pixel follows from the other 63: quick, and blind to how probable the modes are against each other."}</p>
    </div>
    <div>
      <h4>Free-energy gap</h4>
      <${Curve} x=${x} xLabel="updates" yLabel="held-out minus training, nats" height=${HEIGHT} test="gap"
        series=${[{ label: "gap", values: gap }, { label: "no gap", values: x.map(() => 0), width: 1 }]} />
      <p class="soft">Mean free energy of held-out digits minus that of as many training digits. Z cancels, so it is exact for every size. Well above zero: the machine has begun to learn its examples by heart.</p>
    </div>
  </div>`;
}
