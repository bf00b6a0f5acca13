/** All configurations with their energies, weights and probabilities. Any number opens as the sum that it is. */
import { Bar, Button, Choice, decimals, DIGITS, factor, fixed, Formula, grouped, html, indexed, isHeld, plain, probability, useEffect, useGrid, useMemo, usePage, useRef, useState } from "../ui.js";

const SHOWN = 256;
/** A table of more rows is laid out row by row, those in sight alone; fewer are in sight at once. */
const LONG = 64;
/** As many rows before and after the first one in sight follow the machine at once: the box shows fewer. */
const AROUND = 32;
const REST_MS = 120;
const ORDERS = /** @type {[Order, string][]} */ ([["v", "by v"], ["h", "by h"], ["energy", "by E"], ["probability", "by p"]]);

export function Configurations() {
  const { state, table, setting, changeSetting, hover, setHover } = usePage();
  const [open, setOpen] = useState(/** @type {{row: number, column: Column} | null} */ (null));
  const [all, setAll] = useState(false);
  const grid = useGrid();
  const late = useLate(table);
  useEffect(() => {
    const show = () => setAll(true); // on paper nothing can be unfolded
    window.addEventListener("beforeprint", show);
    return () => window.removeEventListener("beforeprint", show);
  }, []);
  const order = /** @type {Order} */ (setting("machine", "order", "v", ORDERS.map(([id]) => id)));
  const numbers = useMemo(() => ordered(table, order), [table, order]);
  const held = isHeld(state.clamp);
  const chance = table.given ?? table.probability;
  const largest = Math.max(...chance);
  const digits = decimals(table.energy);
  const agreeing = held ? numbers.filter((n) => agrees(table.v[n], state.clamp.v) && agrees(table.h[n], state.clamp.h)) : numbers;
  const shown = all ? agreeing : agreeing.slice(0, SHOWN);
  return html`<section class="card configurations">
    <div class="card-head"><h3>${held ? `${grouped(agreeing.length)} of ${grouped(table.v.length)}` : `All ${grouped(table.v.length)}`} configurations</h3>
      <${Choice} label="sort" value=${order} options=${ORDERS} onChange=${(/** @type {Order} */ x) => changeSetting("machine", { order: x })} test="order" /></div>
    ${held && html`<p class="soft">Held: ${heldText(state)}. These are the rows that agree; p is their probability given the held units.</p>`}
    <p class="soft">Click any number to see how it is computed.</p>
    <div class="scroll tall" onScroll=${late.onScroll}><table class=${shown.length > LONG ? "rows long" : "rows"} data-test="configurations" onPointerLeave=${() => setHover(null)}>
      <thead><tr><th scope="col">v</th><th scope="col">h</th><th scope="col">E</th><th scope="col">e<sup>\u2212E/T</sup></th><th scope="col">${held ? "p given the held units" : "p"}</th><th scope="col"><span class="hidden">bar</span></th></tr></thead>
      <tbody ...${grid}>
        ${shown.map((n, place) => late.row(n, place, () => {
          const [v, h] = [table.v[n], table.h[n]];
          const lit = hover && ((hover.v === v && hover.h === h) || touched(hover, v, h));
          const first = place > 0 && (order === "v" ? v !== table.v[shown[place - 1]] : order === "h" && h !== table.h[shown[place - 1]]);
          const share = largest > 0 ? chance[n] / largest : 0;
          const cell = (/** @type {Column} */ column, /** @type {string} */ text) => {
            const opened = open?.row === n && open.column === column;
            return html`<td class="num"><button type="button" tabindex="-1" aria-expanded=${String(opened)} onClick=${() => setOpen(opened ? null : { row: n, column })}>${text}</button></td>`;
          };
          return html`<tr key=${n} class=${`${lit ? "lit" : ""}${first ? " first" : ""}`} data-test=${`row-${v}-${h}`}
              onPointerEnter=${() => setHover({ v, h })} onFocusIn=${() => setHover({ v, h })}>
              <td class="bits-cell">${v}</td><td class="bits-cell">${h}</td>
              ${cell("E", fixed(table.energy[n], digits))}${cell("factor", factor(table.factor[n], -table.energy[n] / state.temperature, 2))}${cell("p", probability(chance[n]))}
              <td class="bar-cell"><${Bar} share=${share} strong=${lit} /></td></tr>
            ${open?.row === n && html`<tr class="opened"><td colspan="6"><${Opened} n=${n} column=${open.column} /></td></tr>`}`;
        }))}
      </tbody></table></div>
    ${agreeing.length > SHOWN && html`<p><${Button} onClick=${() => setAll(!all)}>${all ? `show the first ${SHOWN}` : `show all ${grouped(agreeing.length)}`}<//></p>`}
  </section>`;
}

/** Rows that are out of sight follow a moving machine when it rests. @param {Table} table of which the rows are made */
function useLate(table) {
  const [rested, setRested] = useState(table);
  const top = useRef(0);
  const made = useRef(/** @type {Map<number, any>} */ (new Map()));
  if (rested.v.length !== table.v.length) made.current.clear();
  useEffect(() => {
    const timer = setTimeout(() => setRested(table), REST_MS);
    return () => clearTimeout(timer);
  }, [table]);
  return {
    onScroll: (/** @type {any} */ { target }) => {
      top.current = (made.current.size * target.scrollTop) / target.scrollHeight;
      setRested(table);
    },
    row: (/** @type {number} */ n, /** @type {number} */ place, /** @type {() => any} */ make) => {
      const row = rested !== table && Math.abs(place - top.current) > AROUND && made.current.get(n);
      if (!row) made.current.set(n, make());
      return made.current.get(n);
    },
  };
}

function Opened(/** @type {{n: number, column: Column}} */ { n, column }) {
  const { state, table } = usePage();
  const { machine, temperature: T } = state;
  const [v, h] = [[...table.v[n]].map(Number), [...table.h[n]].map(Number)];
  const E = table.energy[n];
  if (column === "E") {
    const bias = (/** @type {"a" | "b"} */ letter, /** @type {"v" | "h"} */ unit, /** @type {number[]} */ bits) => machine[letter].flatMap((x, i) =>
      x === 0 ? [] : [{ name: `${indexed(letter, i + 1)}${indexed(unit, i + 1)}`, text: `${plain(x, DIGITS)}\u00b7${bits[i]}`, value: x * bits[i] }]);
    const both = machine.weights.flatMap((row, i) => row.map((w, j) =>
      ({ name: `${indexed("v", i + 1)}${indexed("w", i + 1, j + 1)}${indexed("h", j + 1)}`, text: `${v[i]}\u00b7${plain(w, DIGITS)}\u00b7${h[j]}`, value: v[i] * w * h[j] })));
    return html`<div class="written"><${Formula} tex=${"E = -\\sum_{i,j} v_i w_{ij} h_j - \\sum_i a_i v_i - \\sum_j b_j h_j"} block />
      <ul>${[...both, ...bias("a", "v", v), ...bias("b", "h", h)].map((t) => html`<li class=${t.value === 0 ? "soft" : ""}><span>${t.name} = ${t.text}</span><span class="num">${fixed(t.value, decimals([t.value]))}</span></li>`)}</ul>
      <p>Minus their sum: E = <span class="num">${fixed(E, decimals([E]))}</span></p></div>`;
  }
  if (column === "factor") {
    return html`<div class="written"><p>e<sup>\u2212E/T</sup> = e^(\u2212(${plain(E, DIGITS)}) / ${plain(T)}) = e^(${plain(-E / T, DIGITS)}) = <span class="num">${factor(table.factor[n], -E / T)}</span></p></div>`;
  }
  const Z = factor(table.partition, table.log_partition);
  return html`<div class="written"><p>p(v, h) = e<sup>\u2212E/T</sup> / Z = ${factor(table.factor[n], -E / T)} / ${Z} = <span class="num">${probability(table.probability[n])}</span></p>
    ${table.given && html`<p>Given the held units: divided by their probability, <span class="num">${probability(table.given[n])}</span></p>`}</div>`;
}

function ordered(/** @type {Table} */ table, /** @type {Order} */ order) {
  const numbers = table.v.map((_, n) => n);
  const of = { v: null, h: (/** @type {number} */ n) => parseInt(table.h[n], 2), energy: (/** @type {number} */ n) => table.energy[n], probability: (/** @type {number} */ n) => -table.probability[n] }[order];
  return of ? numbers.sort((p, q) => of(p) - of(q) || p - q) : numbers;
}

/** Whether a row has on what is pointed at in the network. @param {NonNullable<Hover>} hover @param {string} v @param {string} h */
function touched(hover, v, h) {
  if (hover.edge) return v[hover.edge[0]] === "1" && h[hover.edge[1]] === "1";
  return hover.unit ? (hover.unit[0] === "v" ? v : h)[hover.unit[1]] === "1" : false;
}

function agrees(/** @type {string} */ bits, /** @type {(0 | 1 | null)[]} */ held) {
  return held.every((x, i) => x === null || String(x) === bits[i]);
}

function heldText(/** @type {State} */ { clamp }) {
  return (/** @type {const} */ (["v", "h"])).flatMap((layer) => clamp[layer].flatMap((x, i) => (x === null ? [] : [`${indexed(layer, i + 1)} = ${x}`]))).join(", ");
}
