/** Parts of a chapter that a link, a frame or a stop of the lecture names: its cards, by the first of their classes or by the id of
 * their heading. */
import { useEffect } from "preact/hooks";

const MOST_WAITS = 20;
const WAIT_MS = 150;

/** @param {Element} article @param {string} name @returns {HTMLElement | null} */
const find = (article, name) => article.querySelector(`.card.${CSS.escape(name)}, .card:has(#${CSS.escape(name)})`);

/** The name of the card that is read at the moment, if the page has been scrolled to one. @param {Element | null} article */
export function sectionInView(article) {
  if (!article || window.scrollY === 0) return "";
  const above = [...article.querySelectorAll(".card")].filter((card) => card.getBoundingClientRect().top < window.innerHeight / 3 && nameOf(card));
  const last = above.at(-1);
  return last ? nameOf(last) : "";
}

const nameOf = (/** @type {Element} */ card) => [...card.classList].find((name) => name !== "card") ?? "";

/** Go to a section once it is there: what a worker computes comes late. */
export function useArrival(/** @type {{current: HTMLElement | null}} */ article, /** @type {{name: string}} */ section, /** @type {() => void} */ missing) {
  useEffect(() => {
    if (!section.name) return;
    for (const earlier of document.querySelectorAll(".arrived")) earlier.classList.remove("arrived");
    let waits = 0;
    let timer = 0;
    const arrive = () => {
      const card = article.current && find(article.current, section.name);
      if (!card && ++waits < MOST_WAITS) timer = window.setTimeout(arrive, WAIT_MS);
      else if (!card) missing();
      card?.scrollIntoView({ block: "start" });
      card?.classList.add("arrived");
    };
    arrive();
    return () => clearTimeout(timer);
  }, [section]);
}
