/** The lecture's four modules as stops: states of the page at which its figures are seen. */

export const MODULES = ["From weights to a learning rule", "The generative model in numbers", "The same table from the conditionals", "One step of learning, by hand"];

const LEARNED = "w=-0.045435257260293294,-0.045435257260293294;0.016810675859892155,0.016810675859892155";
/** The weights after one step with the rate 0.1. */
const STEPPED = LEARNED.replace(/-?0\.\d+/g, (x) => String(0.5 + Number(x)));
const setting = (/** @type {string} */ chapter, /** @type {object} */ values) => `x=${encodeURIComponent(JSON.stringify({ [chapter]: values }))}`;
/** The derivation up to a line. @param {number} lines */
const line = (lines) => setting("derivation", { lines });

/** @type {Stop[]} */
export const STOPS = [
  { module: 1, at: "machine/configurations", text: "Weights and biases give every configuration (v, h) an energy E; e^(\u2212E), divided by the sum over all configurations, is its probability.", figures: ["\u22120.500", "1.648721271", "0.051753703"] },
  { module: 1, at: `derivation/line-3?${line(3)}`, text: "The aim is a larger p(v). Its logarithm is a difference of two logarithms, and each is differentiated.", figures: ["\u22121.513105"] },
  { module: 1, at: `derivation/line-10?${line(10)}`, text: "Term A: the expectation of v_i h_j while v is held. Z cancels in p(h|v).", figures: ["0.622459331"] },
  { module: 1, at: `derivation/line-11?${line(11)}`, text: "Term B: the expectation of v_i h_j over all configurations.", figures: ["0.454352573"] },
  { module: 1, at: `derivation/line-13?${line(13)}`, text: "The learning rule: the step is the rate times the difference A \u2212 B.", figures: ["0.016810676"] },
  { module: 2, at: "machine/configurations", text: "Two visible and two hidden units, all weights \u00bd: sixteen configurations with E, e^(\u2212E) and probability.", figures: ["1.648721271", "2.718281828", "7.389056099", "0.031390208", "0.051753703", "0.085327431", "0.231944006"] },
  { module: 2, at: "machine/summary", text: "The Boltzmann factors sum to Z.", figures: ["31.85706850"] },
  { module: 2, at: "chain/visits", text: "What the table means: update hidden and visible units in turn for very many cycles, and each configuration occurs with this frequency. Run the chain above.", figures: ["0.0518"] },
  { module: 2, at: "machine/marginal", text: "The probability of v = 01 is the sum of its four rows. The aim is to raise it.", figures: ["0.220225046"] },
  { module: 3, at: "conditionals/deciding?target=00", text: "With v = 00, each hidden unit receives S = 0 and is on with probability \u00bd.", figures: ["0.500000000"] },
  { module: 3, at: "conditionals/products?target=00", text: "So each of the four h has probability \u00bc.", figures: ["0.250000000"] },
  { module: 3, at: "conditionals/deciding?target=01", text: "With v = 01, S = \u00bd, and the sigmoid gives 0.622459331.", figures: ["0.622459331"] },
  { module: 3, at: "conditionals/products?target=01", text: "The products of both units give p(h|v) for v = 01; for v = 10 they are the same.", figures: ["0.142536957", "0.235003712", "0.387455619"] },
  { module: 3, at: "conditionals/products?target=11", text: "With v = 11, S = 1, and each unit is on with probability 0.731058579.", figures: ["0.072329488", "0.196611933", "0.534446645"] },
  { module: 3, at: "conditionals/one-row?target=01", text: "One row\u2019s joint probability from the energies, divided by its conditional probability from the sigmoids, gives p(v).", figures: ["0.031390208", "0.142536957", "0.220225046"] },
  { module: 3, at: "conditionals/both-ways", text: "Sampling and energies agree in all sixteen rows.", figures: ["0.031390208", "0.231944006"] },
  { module: 4, at: "gradient/terms?target=01", text: "Term A is 0 for the weights of v\u2081, which is off, and 0.622459331 for those of v\u2082; term B is 0.454352573 for all. With the rate 0.1, each weight changes by a tenth of the difference.", figures: ["0.622459331", "0.454352573", "\u22120.045435257", "+0.016810676"] },
  { module: 4, at: "gradient/step?target=01", text: "After the step, v = 01 is more probable.", figures: ["0.220225046", "0.230677826"] },
  { module: 4, at: `machine/configurations?${STEPPED}`, text: "The table with the new weights.", figures: ["\u22120.516810676", "1.676671664", "0.053983827"] },
  { module: 4, at: `machine/summary?${STEPPED}`, text: "The new Z.", figures: ["31.05877720"] },
  { module: 4, at: `gradient/step?${setting("gradient", { rate: 1 })}`, text: "With the rate 1, the step is longer, and the probability of v = 01 rises further.", figures: ["0.332961042"] },
  { module: 4, at: `gradient/slow?${setting("gradient", { parts: "all" })}`, text: "Hinton\u2019s approximation: h from v, v\u2032 from h, h\u2032 from v\u2032; then W changes by \u03b5 (v h\u1d40 \u2212 v\u2032 h\u2032\u1d40), a by \u03b5 (v \u2212 v\u2032), b by \u03b5 (h \u2212 h\u2032).", figures: [] },
];
