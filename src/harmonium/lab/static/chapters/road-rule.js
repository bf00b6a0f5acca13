/** The derivation: a weight to follow, and steps that unfold one by one. */
import { useEffect, useMemo, useRef } from "preact/hooks";
import * as answers from "../answers/road.js";
import { html } from "../html.js";
import { usePage } from "../page.js";
import { Bits, Button } from "../ui/controls.js";
import { namesOf, useRoad } from "./road-given.js";
import { Pairs } from "./road-pairs.js";
import { STEPS } from "./road-steps.js";

export function Derivation() {
  const { tables, setHover } = usePage();
  const { v, setV, pair, rate, steps, choose } = useRoad();
  const [i, j] = pair;
  const rule = useMemo(() => answers.rule(tables, v, i, j, rate), [tables, v, i, j, rate]);
  const newest = useRef(/** @type {HTMLElement | null} */ (null));
  const unfolding = useRef(false);
  const unfold = (/** @type {number} */ n) => {
    unfolding.current = true;
    choose({ steps: n });
  };
  useEffect(() => {
    // A reader goes on where the new step begins, with the keyboard as with the eyes.
    if (unfolding.current) newest.current?.focus({ preventScroll: true });
    if (unfolding.current) newest.current?.closest("section")?.scrollIntoView({ block: "nearest" });
    unfolding.current = false;
  }, [steps]);
  const open = STEPS.slice(0, steps);
  const next = STEPS[steps];
  const pointed = { onPointerEnter: () => setHover({ edge: pair }), onPointerLeave: () => setHover(null) };
  return html`<section class="card following"><div class="pick"><span>Follow the weight</span><${Pairs} test="pair" /></div>
      <span class="chosen"><span>for v =</span> <${Bits} label="v" value=${v} names=${namesOf(v)} onChange=${setV} test="rule-v" /></span></section>
    ${open.map(({ title, Body }, n) => html`<section class="card unfolded" key=${n} aria-labelledby=${`road-step-${n}`} data-test=${`unfolded-${n + 1}`} ...${pointed}>
      <h4 id=${`road-step-${n}`} tabindex="-1" ref=${n === open.length - 1 ? newest : undefined}><span class="count">${n + 1}</span> ${title}</h4>
      <div class="two"><${Body} rule=${rule} /></div></section>`)}
    <p class="unfold">
      ${next && html`<${Button} primary onClick=${() => unfold(steps + 1)} test="unfold">${next.question}<//> <button type="button" class="link" data-test="unfold-all" onClick=${() => unfold(STEPS.length)}>all steps</button>`}
      ${!next && html`<button type="button" class="link" data-test="fold" onClick=${() => choose({ steps: 1 })}>collapse</button>`}
    </p>`;
}
