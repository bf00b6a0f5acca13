/** Chapter 2: the same table by the sigmoid, and the way from ln p(v) to the learning rule. */
import { html } from "../html.js";
import { useAnswer, usePage } from "../page.js";
import { Error } from "../ui/controls.js";
import { Formula } from "../ui/formula.js";
import { Task } from "../ui/task.js";
import { useRoad } from "./road-given.js";
import { OneRow } from "./road-row.js";
import { Derivation } from "./road-rule.js";
import { BothRoads } from "./road-table.js";
import { Products, Units } from "./road-units.js";

export const chapter = { id: "road", title: "The other road", Chapter: Road };

const BOTH_ON = 0.3874556;

function Road() {
  const { state, machineParams } = usePage();
  const { v, row } = useRoad();
  const deps = [state.machine, state.temperature];
  const one = useAnswer("road.given", { ...machineParams(), v: v.join("") }, [...deps, v.join("")]);
  const all = useAnswer("road.both", { ...machineParams(), h: row }, [...deps, row]);
  const given = /** @type {import("./road-given.js").Given | null} */ (one.answer);
  const both = /** @type {import("./road-given.js").Both | null} */ (all.answer);
  return html`
    <p class="lead">The first road to a probability was long: an energy for every row, a weight for every energy, and their sum over the whole table. There is another, and the machine itself can walk it. Show it a vector v,
      and each hidden unit needs no more than its own connections to know how likely it is to be on.</p>

    <h3 class="part">From v to h, unit by unit</h3>
    <p>No edge joins a hidden unit to another one. What reaches it is a single number, its total input S: its own bias, and the weights from the visible units that are on. The sigmoid turns that number into a probability.</p>
    <div class="formulas"><${Formula} block tex=${"S_j = b_j + \\sum_i v_i\\, w_{ij}"} />
      <${Formula} block tex=${"\\Pr\\{h_j = 1 \\mid v\\} = \\sigma(S_j/T) = \\frac{1}{1 + e^{-S_j/T}}"} /></div>
    ${one.error && html`<${Error}>${one.error}<//>`}
    ${given && html`<${Units} given=${given} />`}
    <p>Once v is shown, the hidden units do not ask each other. So the probability of a whole vector h is a product, one factor for each unit: \u03c3(S/T) where the unit is on, and what is missing from 1 where it is off.</p>
    <${Task} id="both-on" kind="number" question="In the lecture\u2019s machine, with v = 01, each hidden unit is on with probability 0.6225. How probable is it that both are on?"
      check=${(/** @type {number} */ x) => Math.abs(x - BOTH_ON) < 0.003} hint="Neither knows of the other."
      answer=${html`<p>0.6225 times 0.6225 is 0.3875. It stands in the last row, h = 11, of the table below.</p>`} />
    ${given && html`<${Products} given=${given} />`}

    <h3 class="part">One row gives it all</h3>
    <p>The sigmoids say how the vectors h share what v has. How much v itself has, they do not say. One number is missing for each v, its probability:</p>
    <${Formula} block tex=${"\\Pr\\{v,h\\} = \\Pr\\{h \\mid v\\}\\, \\Pr\\{v\\}"} />
    <p>The lecture finds it with a single row. Take its probability from the energies, as in the first chapter, and divide by the share that the sigmoids give it.</p>
    ${given && html`<${OneRow} given=${given} />`}
    <${Task} id="other-row" kind="choice" question="Choose another row in the table above, one of a much larger probability. What becomes of the quotient?"
      options=${[["larger", "it grows"], ["same", "it stays"], ["smaller", "it shrinks"]]} check=${(/** @type {string} */ x) => x === "same"} hint="Both numbers of a row change. Choose one and look."
      answer=${html`<p>It stays. A row of h that is twice as probable has twice the share, and the quotient is Pr{v} whichever row one takes. If it were not, the two roads would lead to different machines.</p>`} />
    <p>Now the whole table. In each block one row is spent to find Pr{v}. All the others are then predicted by the sigmoids alone, and can be laid beside what their energies say.</p>
    ${all.error && html`<${Error}>${all.error}<//>`}
    ${both && html`<${BothRoads} both=${both} />`}
    <p>That they agree is no accident. Hold v, and all that is left of <${Formula} tex="e^{-E/T}" /> for a hidden unit is <${Formula} tex="e^{S_j/T}" /> if it is on and 1 if it is off. The sigmoid is the share of the first in both.
      To toss the units and to count the energies comes to the same, because the one was built from the other.</p>

    <h3 class="part">From ln p(v) to the learning rule</h3>
    <p>So far the weights were given. Now let one vector v become more probable. Every weight has to know which way to go and how far, and the answer is the slope of ln\u00a0p(v).
      Six short steps lead there, each with its numbers in this very machine.</p>
    <${Derivation} />
    <${Task} id="unit-off" kind="choice" question="Let v = 01 be the vector to learn, with all weights \u00bd. The unit v\u2081 is off in it. What does the rule do to the weights from v\u2081?"
      options=${[["up", "they grow"], ["stay", "they stay"], ["down", "they shrink"]]} check=${(/** @type {string} */ x) => x === "down"} hint="What is A, if v\u2081 is 0? And what is B?"
      answer=${html`<p>They shrink. With v\u2081 = 0 the term A is 0, while B is 0.454353: left to itself, the machine has v\u2081 and a hidden unit on together far too often for this v. With \u03b7 = 0.1 each of the two falls by 0.045435.</p>`} />
  `;
}
