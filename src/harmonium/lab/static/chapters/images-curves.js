/** The course of a training as curves. Each says whether it is a log likelihood. */
import { Curve, html } from "../ui.js";

const HEIGHT = 230;

/** @param {{history: TrainingHistory, exact: boolean}} props */
export function Curves({ history, exact }) {
  const { step: x, gap, train, valid } = history;
  return html`<div class="curves">
    <div>
      <h4>${exact ? "Log likelihood: exact" : "Pseudo-log-likelihood: not a log likelihood"}</h4>
      <${Curve} x=${x} xLabel="updates" yLabel=${exact ? "mean ln p(v), nats" : "mean pseudo, nats"} height=${HEIGHT} test="likelihood"
        series=${[{ label: "training digits", values: train }, { label: "held-out digits", values: valid }]} />
      <p class="soft">${exact
        ? "Each value is a sum over all states of the hidden layer. It starts at that of independent pixels."
        : "Above 20 hidden units, ln Z takes too long to compute during training. This sums ln p of each pixel given the other 63: quick, and blind to the relative probabilities of the modes."}</p>
    </div>
    <div>
      <h4>Free-energy gap</h4>
      <${Curve} x=${x} xLabel="updates" yLabel="held-out minus training, nats" height=${HEIGHT} test="gap"
        series=${[{ label: "gap", values: gap }, { label: "no gap", values: x.map(() => 0), width: 1 }]} />
      <p class="soft">Mean free energy of held-out digits minus that of the same number of training digits. Z cancels, so it is exact at any size. Well above zero, the machine has begun to memorize its training digits.</p>
    </div>
  </div>`;
}
