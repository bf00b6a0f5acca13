/** The cards: questions whose answers the page checks. Their words stand in index.html; what depends on the machine that is shown is computed here. */
import { exact, fixed, html, indexed, plain, probability, signed } from "./page.js";
import { hiddenInputs, numberOf, texts } from "./engine.js";
import { filler, templateOf } from "./ui/words.js";

const RATE = 0.1;
const RANDOM = [0.3, 0.65, 0.12, 0.85, 0.47];
/** Of larger tables with unknowns only the block of the target is shown. */
const MOST_BLOCKS = 4;

export function askedOf(/** @type {State} */ { target, temperature: T }, /** @type {Tables} */ tables) {
  const { rbm, hiddenMeans, negative: B } = tables;
  const [n, A] = [numberOf(target), tables.positive(tables.only(target))];
  const on = [...hiddenMeans.subarray(n * rbm.H, (n + 1) * rbm.H)];
  return { T, tables, v: target.join(""), n, input: hiddenInputs(rbm, target)[0], on, A, B, step: A.map((x, k) => (RATE / T) * (x - B[k])), over: T === 1 ? "" : ` / ${plain(T)}` };
}

/** The vectors v whose probabilities are unknown. */
const unknowns = (/** @type {Asked} */ { v, tables: { rbm, n } }) => (n <= MOST_BLOCKS ? texts(rbm.V) : [v]);

/** p(h|v) P_v for every h, and with `solved` their values. @param {Asked} asked @param {boolean} [solved] */
function tableOfUnknowns(asked, solved = false) {
  const { tables } = asked;
  const hs = texts(tables.rbm.H);
  return html`<div class="scroll" tabindex="0" role="region" aria-label="the table with unknowns"><table class="rows unknowns"><thead><tr><th scope="col">v</th>${hs.map((h) => html`<th scope="col">h = ${h}</th>`)}</tr></thead>
    <tbody>${unknowns(asked).map((v) => {
      const row = parseInt(v, 2);
      return html`<tr><th scope="row" class="bits-cell">${v}</th>${hs.map((_, k) => html`<td class="num">${solved ? probability(tables.joint[row * tables.m + k])
        : html`${fixed(tables.hiddenGivenVisible[row * tables.m + k], 4)} P<sub>${v}</sub>`}</td>`)}</tr>`;
    })}</tbody></table></div>`;
}

/** The numbers to fill in and the slots of the words. @type {Record<string, (asked: Asked) => {fields: [any, number][]} & Record<string, any>>} */
const OF_MACHINE = {
  "fill-row": ({ T, v, n, tables }) => {
    // The row of the target with all hidden units on.
    const k = (n + 1) * tables.m - 1;
    const [E, factor, p] = [tables.energy[k], Math.exp(tables.exponent[k]), tables.joint[k]];
    const fields = /** @type {[any, number][]} */ ([["E", E], [html`e<sup>\u2212E/T</sup>`, factor], ["p(v, h)", p]]);
    return { fields, v, h: "1".repeat(tables.rbm.H), Z: exact(Math.exp(tables.logPartition)), T: plain(T), E: plain(E, 9), factor: exact(factor), p: probability(p) };
  },
  sigmoid: ({ v, input, on: [on] }) => ({ fields: [["S\u2081", input], ["p(h\u2081 = 1 | v)", on]], v, input: plain(input, 9), on: probability(on) }),
  unknowns: (asked) => {
    const { joint, m, visible, rbm } = asked.tables;
    const vs = unknowns(asked);
    return {
      fields: vs.map((v) => [html`P<sub>${v}</sub>`, visible[parseInt(v, 2)]]),
      table: tableOfUnknowns(asked),
      solved: tableOfUnknowns(asked, true),
      first: texts(rbm.H)[0],
      known: vs.map((v) => `${probability(joint[parseInt(v, 2) * m])} for v = ${v}`).join(", "),
      which: vs.length > 1 ? "the unknowns" : "the unknown",
    };
  },
  "one-sample": ({ v, on }) => ({
    fields: on.map((p, j) => [indexed("h", j + 1), RANDOM[j] < p ? 1 : 0]),
    v,
    drawn: on.map((_, j) => `${indexed("u", j + 1)} = ${RANDOM[j]}`).join(", "),
    chances: on.map((p) => probability(p, 4)).join(", "),
  }),
  "delta-w11": ({ T, v, A: [A], B: [B], step: [step] }) => ({
    fields: [["A", A], ["B", B], ["\u0394w\u2081\u2081", step]], v, over: T === 1 ? "" : "/T", A: probability(A), B: probability(B), step: signed(step, 9),
  }),
  "delta-biases": ({ v, A, B, step, over, tables: { rbm: { V, H } } }) => {
    const first = /** @type {[string, number][]} */ ([["\u0394a\u2081", V * H], ["\u0394b\u2081", V * H + V]]);
    const steps = first.map(([name, k]) => html`<span class="line">${name} = ${RATE}${over} \u00b7 (${probability(A[k])} \u2212 ${probability(B[k])}) = ${signed(step[k], 9)}. </span>`);
    return { fields: first.map(([name, k]) => [name, step[k]]), v, steps };
  },
  "small-change": ({ v, A: [A], B: [B], step: [step], over }) => {
    const change = (0.01 / RATE) * step;
    return { fields: [["change of ln p(v)", change]], v, A: probability(A), B: probability(B), over, change: signed(change, 9) };
  },
};

/** `partsOf`: the numbers to fill in, each with its value, and the slots of the words. `options` are answers to choose from, with whether they are right. */
export const CARDS = Object.fromEntries([...templateOf("cards").querySelectorAll("section")].map((card) => {
  const all = (/** @type {string} */ name) => [...card.querySelectorAll(`:scope > ${name}`)];
  const [question, answer] = all("div, p").map(filler);
  const fields = [...card.querySelectorAll("label")].map((label) => /** @type {[any, number]} */ ([label.textContent, Number(label.dataset.value)]));
  return [card.id, {
    chapter: card.dataset.chapter, title: card.title, question, answer, hints: all("li").map(filler),
    options: all("button").map((button) => /** @type {const} */ ([button.textContent, button.hasAttribute("value")])),
    ofMachine: card.id in OF_MACHINE, partsOf: OF_MACHINE[card.id] ?? (() => ({ fields })),
  }];
}));
