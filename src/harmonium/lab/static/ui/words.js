/** The page's words are templates in index.html. In them `<slot name="...">` gives way to what the page computes, and `<tex-formula>` to a formula. */
import { h } from "preact";
import { Formula } from "./numbers.js";

/** A template's content, by its id. */
export const templateOf = (/** @type {string} */ id) => /** @type {HTMLTemplateElement} */ (document.getElementById(id)).content;

/** What makes the content of an element of a template, given its slots' parts: texts, elements, or components, which get all parts and the slot's
 * attributes. @param {ParentNode} element @returns {(parts: Record<string, any>) => any[]} */
export function filler(element) {
  const makers = [...element.childNodes].map(maker);
  return (parts) => makers.map((make) => make(parts));
}

/** @param {Node} node @returns {(parts: Record<string, any>) => any} */
function maker(node) {
  if (!(node instanceof Element)) return () => node.textContent;
  const { name, ...attributes } = Object.fromEntries([...node.attributes].map((attribute) => [attribute.name, attribute.value]));
  if (node.localName === "slot") {
    return (parts) => {
      if (!(name in parts)) throw new Error(`nothing fills the slot ${name}`);
      return typeof parts[name] === "function" ? h(parts[name], { ...parts, ...attributes }) : parts[name];
    };
  }
  const fill = filler(node);
  const make = (/** @type {Record<string, any>} */ parts) => {
    const content = fill(parts);
    return node.localName === "tex-formula" ? h(Formula, { tex: content.join(""), block: "block" in attributes }) : h(node.localName, attributes, ...content);
  };
  if (node.querySelector("slot")) return make;
  // The same element again needs no comparison with itself.
  const made = make({});
  return () => made;
}

const fillers = /** @type {Map<string, ReturnType<typeof filler>>} */ (new Map());

/** A template with its slots filled: by the `parts`, and by further properties. @param {{of: string, parts?: Record<string, any>} & Record<string, any>} props */
export function Words({ of, parts, ...others }) {
  const fill = fillers.get(of) ?? filler(templateOf(of));
  fillers.set(of, fill);
  return fill({ ...others, ...parts });
}
