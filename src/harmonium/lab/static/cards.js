/** The cards: questions whose answers the page checks, for the machine that is shown or for the lecture's. */
import { exact, fixed, html, indexed, plain, probability, signed } from "./page.js";
import { hiddenInputs } from "./engine/rbm.js";
import { numberOf, texts } from "./engine/table.js";

const RATE = 0.1;
const RANDOM = [0.3, 0.65, 0.12, 0.85, 0.47];
/** Of larger tables with unknowns only the block of the target is shown. */
const MOST_BLOCKS = 4;

export function givenOf(/** @type {State} */ { target, temperature: T }, /** @type {Tables} */ tables) {
  const { rbm, hiddenMeans, negative: B } = tables;
  const [n, A] = [numberOf(target), tables.positive(tables.only(target))];
  const on = [...hiddenMeans.subarray(n * rbm.H, (n + 1) * rbm.H)];
  return { T, tables, v: target.join(""), n, input: hiddenInputs(rbm, target)[0], on, A, B, step: A.map((x, k) => (RATE / T) * (x - B[k])), over: T === 1 ? "" : ` / ${plain(T)}` };
}

/** The row of the target with all hidden units on. */
function fullRow(/** @type {Asked} */ { v, n, tables }) {
  const k = (n + 1) * tables.m - 1;
  return { v, h: "1".repeat(tables.rbm.H), E: tables.energy[k], factor: Math.exp(tables.exponent[k]), p: tables.joint[k], Z: Math.exp(tables.logPartition) };
}

/** The vectors v whose probabilities are unknown. */
const unknowns = (/** @type {Asked} */ { v, tables: { rbm, n } }) => (n <= MOST_BLOCKS ? texts(rbm.V) : [v]);

/** p(h|v) P_v for every h, and with `solved` their values. @param {Asked} given @param {boolean} [solved] */
function tableOfUnknowns(given, solved = false) {
  const { tables } = given;
  const hs = texts(tables.rbm.H);
  return html`<div class="scroll" tabindex="0" role="region" aria-label="the table with unknowns"><table class="rows unknowns"><thead><tr><th scope="col">v</th>${hs.map((h) => html`<th scope="col">h = ${h}</th>`)}</tr></thead>
    <tbody>${unknowns(given).map((v) => {
      const row = parseInt(v, 2);
      return html`<tr><th scope="row" class="bits-cell">${v}</th>${hs.map((_, k) => html`<td class="num">${solved ? probability(tables.joint[row * tables.m + k])
        : html`${fixed(tables.hiddenGivenVisible[row * tables.m + k], 4)} P<sub>${v}</sub>`}</td>`)}</tr>`;
    })}</tbody></table></div>`;
}

/** The first biases with their places in `theta`. @returns {[string, number][]} */
const biases = (/** @type {Asked} */ { tables: { rbm: { V, H } } }) => [["a\u2081", V * H], ["b\u2081", V * H + V]];

const lecture = html`the lecture\u2019s machine (two and two units, all four weights \u00bd, no biases)`;

/** @type {Record<string, Card>} */
export const CARDS = {
  "zero-energy": {
    chapter: "machine", title: "count the zeros",
    question: () => html`In ${lecture}: how many of the 16 configurations have energy 0?`,
    fields: () => [["configurations", 7]],
    hints: () => ["The energy is 0 unless a visible and a hidden unit are on together.", "Count those with v = 00, then those with h = 00. One is counted twice."],
    answer: () => html`Seven. All four h with v = 00, all four v with h = 00, and the pair 00, 00 is counted twice: 4 + 4 \u2212 1.`,
  },
  "fill-row": {
    chapter: "machine", title: "fill in a row of the table", ofMachine: true,
    question: (given) => html`Compute the row v = ${fullRow(given).v}, h = ${fullRow(given).h} of this machine by hand. Its partition function is Z = ${exact(fullRow(given).Z)}.`,
    fields: (given) => [["E", fullRow(given).E], [html`e<sup>\u2212E/T</sup>`, fullRow(given).factor], ["p(v, h)", fullRow(given).p]],
    hints: ({ T }) => ["E is minus the sum of all weights between two units that are on, and of the biases of the units that are on.", `The Boltzmann factor is e to the power of \u2212E divided by T = ${plain(T)}.`, "The probability is the Boltzmann factor divided by Z."],
    answer: (given) => html`E = ${plain(fullRow(given).E, 9)}, e<sup>\u2212E/T</sup> = ${exact(fullRow(given).factor)}, and divided by Z this is p = ${probability(fullRow(given).p)}.`,
  },
  hotter: {
    chapter: "machine", title: "without limit",
    question: () => "Let T grow without limit. What happens to the probability of the most probable row?",
    options: [["zero", "it goes to 0"], ["even", "it goes to 1 divided by the number of rows"], ["one", "it goes to 1"]], right: "even",
    hints: () => [html`What is e<sup>\u2212E/T</sup> when T is very large?`],
    answer: () => html`Every e<sup>\u2212E/T</sup> goes to 1, so all rows become equally likely. Set T to 20 and look. Cold is the opposite: at T = 0.05 only the lowest-energy configurations keep any probability.`,
  },
  sigmoid: {
    chapter: "conditionals", title: "one hidden unit", ofMachine: true,
    question: ({ v }) => html`Given v = ${v}: what is the total input of h\u2081, and its probability of being on?`,
    fields: ({ input, on }) => [["S\u2081", input], ["p(h\u2081 = 1 | v)", on[0]]],
    hints: () => ["S\u2081 is the bias b\u2081 plus the weights to h\u2081 from the visible units that are on.", html`The sigmoid is 1 / (1 + e<sup>\u2212S/T</sup>).`],
    answer: ({ input, on }) => `S\u2081 = ${plain(input, 9)}, and its sigmoid is ${probability(on[0])}.`,
  },
  "both-on": {
    chapter: "conditionals", title: "both units on",
    question: () => "In the lecture\u2019s machine, with v = 01, each hidden unit is on with probability 0.6225. What is the probability that both are on?",
    fields: () => [["p(h = 11 | v)", 0.6224593312018546 ** 2]],
    hints: () => ["Given v, the two are independent."],
    answer: () => html`0.6225 times 0.6225 is 0.3875. See the last row of the table, h = 11.`,
  },
  unknowns: {
    chapter: "conditionals", title: "solve for the unknowns", ofMachine: true,
    question: (given) => html`The sigmoids give every row of the table but for one unknown in each block: P<sub>v</sub>, the probability of v. ${tableOfUnknowns(given)}
      From its energy, every row with h = ${texts(given.tables.rbm.H)[0]} has its probability p(v, h): ${unknowns(given).map((v, n) => html`${n ? ", " : ""}${probability(given.tables.joint[parseInt(v, 2) * given.tables.m])} for v = ${v}`)}. Solve for ${unknowns(given).length > 1 ? "the unknowns" : "the unknown"}.`,
    fields: (given) => unknowns(given).map((v) => [html`P<sub>${v}</sub>`, given.tables.visible[parseInt(v, 2)]]),
    hints: () => ["p(v, h) = p(h|v) P. Two of these three are known in the first row of each block.", "Divide the probability from the energy by the number in front of the unknown."],
    answer: (given) => html`Every block has its P, and with it all of its rows: ${tableOfUnknowns(given, true)}`,
  },
  "other-row": {
    chapter: "conditionals", title: "another row",
    question: () => "Under \u201cOne row is enough\u201d, choose another row, one with a much larger probability. What happens to the quotient?",
    options: [["larger", "it grows"], ["same", "it does not change"], ["smaller", "it shrinks"]], right: "same",
    hints: () => ["Both numbers change with the row. Choose one and look."],
    answer: () => "It does not change. Where p(v, h) is twice as large, so is p(h|v), and the quotient is p(v) for every row.",
  },
  "one-sample": {
    chapter: "chain", title: "sample by hand", ofMachine: true,
    question: ({ v, on }) => html`The chain is at v = ${v}. The random numbers are ${RANDOM.slice(0, on.length).map((u, j) => `${j ? ", " : ""}${indexed("u", j + 1)} = ${u}`).join("")}. Which h does it sample?`,
    fields: ({ on }) => on.map((p, j) => [indexed("h", j + 1), RANDOM[j] < p ? 1 : 0]),
    hints: () => ["A unit is on if its u is below its probability of being on.", "That probability is the sigmoid of S/T. Chapter 2 computes it for every unit."],
    answer: ({ on }) => `The probabilities are ${on.map((p) => probability(p, 4)).join(", ")}; each unit whose u is below its own is on.`,
  },
  "chain-errors": {
    chapter: "chain", title: "a hundred times the sweeps",
    question: () => "After 100 sweeps, a chain is at some distance from the table. How far will it be after 10,000?",
    options: [["same", "just as far"], ["ten", "about ten times closer"], ["hundred", "a hundred times closer"]], right: "ten",
    hints: () => ["Press \u00d7100, look at the distance, then press \u00d710,000."],
    answer: () => "About ten times closer. The error of a frequency is proportional to one over the square root of the number of visits, so ten times the accuracy costs a hundred times the sweeps. In the plot of the distance, this is a straight line.",
  },
  "chain-modes": {
    chapter: "chain", title: "two cold modes",
    question: () => "Load the two cold modes below. \u201cAll off\u201d has a probability of about \u2153, \u201call on\u201d of about \u2154. Where will 10,000 sweeps of Gibbs sampling that start at \u201call off\u201d be counted?",
    options: [["third", "\u2153 and \u2154"], ["half", "half and half"], ["stuck", "all of them where few units are on"]], right: "stuck",
    hints: () => ["How long does this chain take to forget its start?"],
    answer: () => "None of them reaches the other mode. At least two of four hidden units would have to turn on in one half-step, each with a probability of two in a million. The frequencies look settled and are wrong; with tempering, the same number of steps finds both modes.",
  },
  "delta-w11": {
    chapter: "gradient", title: "one weight", ofMachine: true,
    question: ({ v }) => html`The target is v = ${v}, the rate \u03b7 = ${RATE}. Compute both terms and the step of w\u2081\u2081.`,
    fields: ({ A, B, step }) => [["A", A[0]], ["B", B[0]], ["\u0394w\u2081\u2081", step[0]]],
    hints: ({ T }) => [html`A is v\u2081 times p(h\u2081 = 1 | v). Is v\u2081 on in the target?`, "B is the sum of p(v, h) over all rows of the table with both v\u2081 and h\u2081 on.", `The step is \u03b7${T === 1 ? "" : "/T"} times (A \u2212 B).`],
    answer: ({ A, B, step }) => `A = ${probability(A[0])}, B = ${probability(B[0])}, \u0394w\u2081\u2081 = ${signed(step[0], 9)}.`,
  },
  "delta-biases": {
    chapter: "gradient", title: "the biases", ofMachine: true,
    question: ({ v }) => html`Biases learn by the same rule. With target v = ${v} and \u03b7 = ${RATE}: what are the steps of a\u2081 and b\u2081?`,
    fields: (given) => biases(given).map(([name, k]) => [`\u0394${name}`, given.step[k]]),
    hints: () => ["For a\u2081, the expectations are those of v\u2081 alone: v\u2081 in the target, minus \u27e8v\u2081\u27e9 of the free-running machine.", "For b\u2081: p(h\u2081 = 1 | v), minus \u27e8h\u2081\u27e9. The drawing of the machine shows both expectations."],
    answer: (given) => biases(given).map(([name, k]) => html`<span class="line">\u0394${name} = ${RATE}${given.over} \u00b7 (${probability(given.A[k])} \u2212 ${probability(given.B[k])}) = ${signed(given.step[k], 9)}. </span>`),
  },
  "unit-off": {
    chapter: "gradient", title: "a unit that is off",
    question: () => "Let v = 01 be the target, with all weights \u00bd. The unit v\u2081 is off in it. What does the learning rule do to the weights from v\u2081?",
    options: [["up", "they rise"], ["stay", "they do not change"], ["down", "they fall"]], right: "down",
    hints: () => ["What is A if v\u2081 is 0? And what is B?"],
    answer: () => "They fall. With v\u2081 = 0, A is 0, while B is 0.454352573: the free-running machine has v\u2081 and a hidden unit on together far too often for this v. With \u03b7 = 0.1 each of the two weights falls by 0.045435257.",
  },
  "ceiling": {
    chapter: "gradient", title: "how high?",
    question: () => "The lecture\u2019s machine with the target 00, weights only, no biases. Take as many steps as you like: how high can p(v = 00) rise?",
    fields: () => [["p(v = 00)", 4 / 7]],
    hints: () => ["The energies of its four rows are 0 for any weights. Which other rows keep energy 0?"],
    answer: () => "To 4/7 = 0.571428571. With v = 00, every weight is multiplied by zero, so these four rows keep energy 0. The weights can only lower the probability of the other rows, and three of those, with h = 00, keep energy 0 as well. Four rows of seven remain. With biases there is no such limit.",
  },
  "cd-by-hand": {
    chapter: "gradient", title: "one update by hand",
    question: () => html`One sweep of the lecture\u2019s machine gave v = 01, h = 11, v\u2032 = 10, h\u2032 = 10. What is the CD-1 update with \u03b5 = 0.1?`,
    fields: () => [["\u0394w\u2081\u2081", -0.1], ["\u0394w\u2082\u2081", 0.1], ["\u0394w\u2081\u2082", 0], ["\u0394a\u2081", -0.1], ["\u0394b\u2082", 0.1]],
    hints: () => ["v\u2009h\u1d40 has a 1 where both v\u1d62 and h\u2c7c are 1; likewise v\u2032h\u2032\u1d40.", "Subtract the two tables and multiply by \u03b5. For the biases, subtract v\u2032 from v and h\u2032 from h."],
    answer: () => "v\u2009h\u1d40 has its ones in the row of v\u2082, v\u2032h\u2032\u1d40 has one at v\u2081 and h\u2081. So \u0394w\u2081\u2081 = 0.1 (0 \u2212 1), \u0394w\u2082\u2081 = 0.1 (1 \u2212 0), \u0394w\u2081\u2082 = 0, \u0394a\u2081 = 0.1 (0 \u2212 1), \u0394b\u2082 = 0.1 (1 \u2212 0).",
  },
  "average": {
    chapter: "gradient", title: "more chains",
    question: () => "Average 100 chains in each update instead of one. What happens to the cloud?",
    options: [["tip", "it shrinks onto the tip of the arrow"], ["mean", "it shrinks onto its own mean, and the bias remains"], ["same", "it does not change"]], right: "mean",
    hints: () => ["Choose 100 chains, and look at the enlarged tip for the machine with strong weights."],
    answer: () => "It becomes ten times smaller, around its own mean. Noise averages out; the bias is the same in every chain and remains, however many there are. Only more sweeps, or chains that have forgotten their start, reduce it.",
  },
  "set-best": {
    chapter: "set", title: "the best possible",
    question: () => "Six pictures occur equally often. What is the largest log likelihood that any machine can reach?",
    fields: () => [["nats", -Math.log(6)]],
    hints: () => ["No machine can do better than to give each of the six its share of the probability."],
    answer: () => "\u2212ln 6 = \u22121.7918. Each picture gets 1/6, nothing is left for the other ten, and the mean of ln p(v) is ln 1/6.",
  },
  divergence: {
    chapter: "set", title: "how far is uniform?",
    question: () => "Two pictures of four pixels occur equally often. A machine without weights and biases gives each of the 16 pictures the same probability. What is its KL divergence from the target?",
    fields: () => [["nats", Math.log(8)]],
    hints: () => ["Sum q ln(q/p) over the two pictures with q > 0.", "q = 1/2 and p = 1/16 for both."],
    answer: () => "ln 8 = 2.0794: both terms are \u00bd ln(\u00bd \u00b7 16). It is also the best log likelihood, \u2212ln 2, minus the machine\u2019s, \u2212ln 16.",
  },
  "set-fall": {
    chapter: "set", title: "a good reconstruction",
    question: () => "\u201cEmpty and full\u201d, 1,000 updates of CD-1. The reconstruction error has fallen from 4.5 to 0.1 of 9 pixels. What has happened to the log likelihood?",
    options: [["near", "it is near the best possible"], ["little", "it has risen a little"], ["below", "it is lower than at the start"]], right: "below",
    hints: () => ["Choose the example \u201cempty and full\u201d and train it."],
    answer: () => "It is lower than at the start: \u221210.2, down from \u22126.3. One of the two pictures has nearly all of the probability, the other less than one part in a million.",
  },
  "count-parameters": {
    chapter: "images", title: "how many numbers?",
    question: () => "A machine has 64 visible and 20 hidden units. How many parameters does it learn?",
    fields: () => [["parameters", 64 * 20 + 64 + 20]],
    hints: () => ["A weight for each pair of a visible and a hidden unit, and a bias for each unit."],
    answer: () => "64 \u00b7 20 weights and 64 + 20 biases: 1,364. The table of its configurations would have 2 to the power of 84 rows.",
  },
  "first-fantasies": {
    chapter: "images", title: "the first fantasies",
    question: () => "At the first update, all weights are close to zero, and each visible bias encodes how often its pixel is on. What are the first fantasies?",
    options: [["gray", "uniform gray: every pixel is on half of the time"], ["pixels", "independent pixels, each on as often as in the data"], ["digits", "coarse digits"]], right: "pixels",
    hints: () => ["Without weights, the hidden units have no influence. What determines a pixel\u2019s probability then?"],
    answer: () => "With no weights, p(v\u1d62 = 1) is the sigmoid of a\u1d62 alone. Each pixel has its own frequency, independent of all others: a noisy mean digit. The log likelihood starts at that of independent pixels, near \u221224.4 nats.",
  },
  "gray-mean": {
    chapter: "images", title: "the meaning of gray",
    question: () => "Erase the lower half of a digit. Single completions are black and white, but their mean is gray in places. What does the gray mean?",
    options: [["short", "the chains have not run long enough"], ["several", "several completions are plausible"], ["blurred", "the filters are blurred"]], right: "several",
    hints: () => ["Look at the single chains: is any of them gray? Do they agree?"],
    answer: () => "Each chain draws one completion, and they differ. The mean of their pixels estimates p(v\u1d62 = 1 | known): gray is the machine\u2019s uncertainty. A mean is not a sample, and rarely a digit.",
  },
  "small-change": {
    chapter: "derivation", title: "a small change", ofMachine: true,
    question: ({ v }) => html`Raise w\u2081\u2081 by 0.01. By how much does ln p(v) change, to first order, for v = ${v}?`,
    fields: ({ step }) => [["change of ln p(v)", (0.01 / RATE) * step[0]]],
    hints: () => ["The derivative is (A \u2212 B) / T. Follow the weight w\u2081\u2081 through the lines.", "Multiply the derivative by 0.01."],
    answer: ({ A, B, over, step }) => `0.01 \u00b7 (${probability(A[0])} \u2212 ${probability(B[0])})${over} = ${signed((0.01 / RATE) * step[0], 9)}.`,
  },
  "bias-derivative": {
    chapter: "derivation", title: "a bias",
    question: () => "The derivation for a hidden bias b\u2c7c differs in one line only. What is the derivative of ln p(v) with respect to b\u2c7c, at T = 1?",
    options: [["visible", "v\u1d62 \u2212 \u27e8v\u1d62\u27e9"], ["hidden", "p(h\u2c7c = 1 | v) \u2212 \u27e8h\u2c7c\u27e9"], ["both", "\u27e8v\u1d62 h\u2c7c\u27e9 with v held \u2212 \u27e8v\u1d62 h\u2c7c\u27e9"]], right: "hidden",
    hints: () => ["In the energy, b\u2c7c is multiplied by h\u2c7c alone."],
    answer: () => "The derivative of E with respect to b\u2c7c is \u2212h\u2c7c. Both terms are then expectations of h\u2c7c alone: with v held, that is the sigmoid; with nothing held, \u27e8h\u2c7c\u27e9.",
  },
};
