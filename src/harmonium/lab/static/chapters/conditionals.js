/** Chapter 2: the same table from the sigmoids. */
import { Card, Formula, html, useMemo, usePage } from "../ui.js";
import * as answers from "../answers/conditionals.js";
import { BothWays, OneRow, useRow } from "./conditionals-table.js";
import { Products, Units } from "./conditionals-units.js";

export const chapter = { id: "conditionals", title: "From the conditionals", Chapter: Conditionals };

function Conditionals() {
  const { state, tables } = usePage();
  const { row } = useRow();
  const given = useMemo(() => answers.given(tables, state.target), [tables, state.target]);
  const both = useMemo(() => answers.both(tables, row), [tables, row]);
  return html`
    <p class="lead">The first way to a probability was long: an energy for every row, a Boltzmann factor for every energy, and their sum over the whole table. There is a second way, and it is the one that the machine itself uses.
      Given a vector v, each hidden unit needs only its own connections to find its probability of being on.</p>

    <h3 class="part">From v to h, unit by unit</h3>
    <p>No edge joins two hidden units. Each receives a single number, its total input S: its own bias plus the weights from the visible units that are on. The sigmoid turns that number into a probability.</p>
    <div class="formulas"><${Formula} block tex=${"S_j = b_j + \\sum_i v_i\\, w_{ij}"} />
      <${Formula} block tex=${"p(h_j = 1 \\mid v) = \\sigma(S_j/T) = \\frac{1}{1 + e^{-S_j/T}}"} /></div>
    <${Units} given=${given} />
    <p>Given v, the hidden units are independent of each other. So the probability of a whole vector h is a product with one factor for each unit: \u03c3(S/T) where the unit is on, and one minus that where it is off.</p>
    <${Card} id="sigmoid" />
    <${Card} id="both-on" />
    <${Products} given=${given} />

    <h3 class="part">One row is enough</h3>
    <p>The sigmoids give p(h|v). They do not give p(v). One number is missing for each v:</p>
    <${Formula} block tex=${"p(v,h) = p(h \\mid v)\\, p(v)"} />
    <p>The lecture finds it from a single row: its joint probability from the energies, as in chapter 1, divided by its conditional probability from the sigmoids.</p>
    <${Card} id="unknowns" />
    <${OneRow} given=${given} />
    <${Card} id="other-row" />
    <p>Now the whole table. In each block, one row is used to find p(v). The sigmoids alone predict all the others, which are compared with the energies.</p>
    <${BothWays} both=${both} />
    <p>The agreement is no accident. With v held, a hidden unit contributes the factor <${Formula} tex="e^{S_j/T}" /> to <${Formula} tex="e^{-E/T}" /> if it is on, and 1 if it is off. The sigmoid is the first divided by the sum of both.
      Sampling the units and summing energies agree because the sigmoid is derived from the energy.</p>
  `;
}
