/** Chapter 4: one step up the slope of ln p(v), exact and by contrastive divergence. */
import { html } from "../html.js";
import { indexed } from "../format.js";
import { useAnswer, usePage } from "../page.js";
import { Bits, Error } from "../ui/controls.js";
import { Formula } from "../ui/formula.js";
import { Task } from "../ui/task.js";
import { Stationary, Sweeps } from "./uphill-bias.js";
import { Cloud } from "./uphill-cloud.js";
import { useGiven } from "./uphill-given.js";
import { SlowMotion } from "./uphill-slow.js";
import { TheStep } from "./uphill-step.js";
import { BeforeAndAfter } from "./uphill-tables.js";
import { Terms } from "./uphill-terms.js";

export const chapter = { id: "uphill", title: "One step uphill", Chapter: Uphill };

function Uphill() {
  const { state, change } = usePage();
  const given = useGiven();
  const { answer, error } = useAnswer("uphill.step", given.params, given.deps);
  const step = /** @type {import("./uphill-given.js").Step | null} */ (answer);
  return html`
    <p class="lead">Until now the machine was given. Now it learns: one vector, the target, is to become more probable.</p>
    <p class="target"><span>target v =</span> <${Bits} label="target" value=${state.target} names=${state.target.map((_, i) => indexed("v", i + 1))}
      onChange=${(/** @type {number[]} */ target) => change({ target }, { merge: "target" })} test="target" /></p>
    <${Formula} block tex=${"\\Delta w_{ij} = \\frac{\\eta}{T}\\bigl(\\underbrace{\\langle v_i h_j \\rangle_v}_{A} - \\underbrace{\\langle v_i h_j \\rangle_{vh}}_{B}\\bigr)"} />
    <p>The slope of ln p(v) by a weight is a difference. A says how often its two units are on together while the machine sees the target; B, how often while it is left to itself.
      Where A is larger the weight rises, where B is larger it falls. The step goes up that slope, as far as the rate \u03b7 says.</p>
    ${error && html`<${Error}>${error}<//>`}
    ${step && html`<${Terms} step=${step} /><${TheStep} step=${step} /><${BeforeAndAfter} step=${step} />`}
    <${Task} id="uphill-ceiling" kind="number" question=${html`The lecture\u2019s machine with the target 00, weights only, no biases. Take as many steps as you like: how high can Pr{v = 00} rise?`}
      check=${(/** @type {number} */ x) => Math.abs(x - 4 / 7) < 0.006} hint="The energies of its four rows are 0 whatever the weights. Which other rows keep the energy 0?"
      answer=${html`<p>To 4/7 = 0.571429. With v = 00 every weight is multiplied by zero, so its four rows keep the energy 0. The weights can only drive the other rows away, and of those
        the three with h = 00 keep the energy 0 as well. Four rows of seven remain. With biases there is no such ceiling.</p>`} />
    <p>B runs over all configurations. Five and five units have 1,024 of them, an image far more than could ever be listed. Hinton\u2019s contrastive divergence takes a short cut: one sample in place of A,
      one in place of B, and the second is reached from the first in a single sweep.</p>
    <p>Take v. Toss coins for h. From h toss for v\u2032, from v\u2032 for h\u2032. Then v\u2009h\u1d40 stands for A and v\u2032h\u2032\u1d40 for B.</p>
    <${SlowMotion} />
    <p>One such update says little; many of them together say more. Here are a thousand, all from the same machine, around the gradient that they stand for.
      Their scatter is chance, and averages away. What remains of the distance to the arrow\u2019s tip is bias: one sweep from the target is too few to forget it.</p>
    <${Cloud} />
    <${Task} id="uphill-average" kind="choice" question="Average 100 chains in each update instead of one. What becomes of the cloud?"
      options=${[["tip", "it shrinks onto the tip of the arrow"], ["mean", "it shrinks onto its own mean, and the bias stays"], ["same", "it stays as it is"]]} check=${(/** @type {string} */ x) => x === "mean"}
      hint="Press 100, and look at the enlarged tip on the machine of strong weights."
      answer=${html`<p>It becomes ten times smaller and gathers about its own mean. Chance averages away; the bias is in every chain alike and stays, however many there are. Only more sweeps, or chains that have forgotten their start, bring it down.</p>`} />
    <p>CD-k makes k sweeps before it looks, and begins anew from the target at every update. Persistent chains (PCD) make one sweep and go on from where they were: while the machine stands still,
      the t-th update of PCD is as good as CD-t and costs one sweep. The price is memory. Its updates are not independent, and a machine that learns too fast runs away from its chains.</p>
    <${Sweeps} />
    ${step && html`<${Stationary} step=${step} />`}
  `;
}
