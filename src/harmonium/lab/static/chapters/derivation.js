/** Chapter 7: from ln p(v) to the learning rule, line by line, each line with its numbers in the machine that is shown. */
import { Button, Card, html, Target, useEffect, useMemo, usePage, useRef } from "../ui.js";
import { derive } from "../answers/derivation.js";
import { LINES, Pairs, partsOf, useDerivation } from "./derivation-lines.js";

export const chapter = { id: "derivation", title: "The derivation", Chapter: Derivation };

function Derivation() {
  const { state, tables, setHover } = usePage();
  const { pair, rate, lines, choose } = useDerivation();
  const { target } = state;
  const derived = useMemo(() => derive(tables, target, ...pair, rate), [tables, target, ...pair, rate]);
  const newest = useRef(/** @type {HTMLElement | null} */ (null));
  const unfolding = useRef(false);
  const unfold = (/** @type {number} */ n) => {
    unfolding.current = true;
    choose({ lines: n });
  };
  useEffect(() => {
    // A reader goes on where the new line begins, with the keyboard as with the eyes.
    if (unfolding.current) newest.current?.focus({ preventScroll: true });
    if (unfolding.current) newest.current?.closest("section")?.scrollIntoView({ block: "nearest" });
    unfolding.current = false;
  }, [lines]);
  const parts = partsOf(derived);
  const open = LINES.slice(0, lines);
  const next = LINES[lines];
  const pointed = { onPointerEnter: () => setHover({ edge: pair }), onPointerLeave: () => setHover(null) };
  return html`
    <p class="lead">How must a weight change so that one visible vector v becomes more probable? By the derivative of ln\u00a0p(v). This chapter derives it,
      one rule of calculus a line, each with its numbers in the machine that is shown.</p>
    <section class="card following"><div class="pick"><span>Follow the weight</span><${Pairs} test="pair" /></div>
      <span class="chosen"><span>for v =</span> <${Target} label="v" test="derived-v" /></span></section>
    ${open.map(({ title, fill }, n) => html`<section class="card unfolded" key=${n} aria-labelledby=${`line-${n + 1}`} data-test=${`unfolded-${n + 1}`} ...${pointed}>
      <h3 id=${`line-${n + 1}`} tabindex="-1" ref=${n === open.length - 1 ? newest : undefined}><span class="count">${n + 1}</span> ${title}</h3>
      <div class="two">${fill(parts)}</div></section>`)}
    <p class="unfold">
      ${next ? html`<${Button} primary onClick=${() => unfold(lines + 1)} test="unfold">Next: ${next.title}<//> <button type="button" class="link" data-test="unfold-all" onClick=${() => unfold(LINES.length)}>all lines</button>`
        : html`<button type="button" class="link" data-test="fold" onClick=${() => choose({ lines: 1 })}>collapse</button>`}
    </p>
    <${Card} id="small-change" />
    <${Card} id="bias-derivative" />
  `;
}
