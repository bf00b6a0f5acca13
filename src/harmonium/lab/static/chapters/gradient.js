/** Chapter 4: one step up the gradient of ln p(v), exact and by contrastive divergence. */
import { Card, Formula, html, Target, useMemo, usePage } from "../ui.js";
import { stepOf } from "../answers/gradient.js";
import { Cloud, Stationary, Sweeps } from "./gradient-cloud.js";
import { useGiven } from "./gradient-given.js";
import { SlowMotion } from "./gradient-slow.js";
import { BeforeAndAfter, TheStep } from "./gradient-step.js";
import { Terms } from "./gradient-terms.js";

export const chapter = { id: "gradient", title: "One gradient step", Chapter: Gradient };

function Gradient() {
  const { state, tables } = usePage();
  const { biases, rate } = useGiven();
  const step = useMemo(() => stepOf(tables, state.target, biases, rate), [tables, state.target, biases, rate]);
  return html`
    <p class="lead">Until now, the machine was given. Now it learns: one vector, the target, becomes more probable.
      The aim is a machine that reconstructs each visible vector as often as it occurs in a training set. Here is a single step, for a single vector.</p>
    <p class="target"><span>target v =</span> <${Target} label="target" test="target" /></p>
    <${Formula} block tex=${"\\Delta w_{ij} = \\frac{\\eta}{T}\\bigl(\\underbrace{\\langle v_i h_j \\rangle_v}_{A} - \\underbrace{\\langle v_i h_j \\rangle_{vh}}_{B}\\bigr)"} />
    <p>The derivative of ln p(v) with respect to a weight is a difference. A is how often its two units are on together while the machine sees the target; B, how often while it runs freely.
      Where A is larger, the weight rises; where B is larger, it falls. The step is this difference, scaled by the rate \u03b7. Chapter 7 derives it line by line.</p>
    <${Terms} step=${step} /><${TheStep} step=${step} /><${BeforeAndAfter} step=${step} />
    <${Card} id="delta-w11" />
    <${Card} id="delta-biases" />
    <${Card} id="unit-off" />
    <${Card} id="ceiling" />
    <p>B runs over all configurations. Five and five units have 1,024 of them, an image far more than could ever be listed. Contrastive divergence is a shortcut: one sample in place of A,
      one in place of B, and the second is reached from the first in a single sweep.</p>
    <p>Hinton\u2019s recipe has six steps:</p>
    <ol data-test="recipe">
      <li>Take a training vector v, compute the probabilities p(h\u2c7c = 1 | v), and sample h.</li>
      <li>Compute the table of products v\u2009h\u1d40, the positive gradient. It estimates A.</li>
      <li>From h, sample a reconstruction v\u2032 of the visible units; from v\u2032, sample h\u2032.</li>
      <li>Compute v\u2032h\u2032\u1d40, the negative gradient. It estimates B.</li>
      <li>Update the weights: \u0394W = \u03b5 (v\u2009h\u1d40 \u2212 v\u2032h\u2032\u1d40).</li>
      <li>Update the biases: \u0394a = \u03b5 (v \u2212 v\u2032) and \u0394b = \u03b5 (h \u2212 h\u2032).</li>
    </ol>
    <${SlowMotion} />
    <${Card} id="cd-by-hand" />
    <p>A single update says little. Here are a thousand, all from the same machine, around the gradient that they estimate.
      Their scatter is noise and averages out. The remaining distance to the tip of the arrow is bias: a single sweep is not enough to forget the target.</p>
    <${Cloud} />
    <${Card} id="average" />
    <p>CD-k makes k sweeps for each update and starts each time from the target. Persistent chains (PCD) make one sweep and continue from where they were: as long as the parameters do not change,
      the t-th update of PCD is as good as CD-t and costs one sweep. The price is memory: its updates are not independent, and if the rate is too high, the model changes faster than its chains can follow.</p>
    <${Sweeps} />
    <${Stationary} step=${step} />
  `;
}
