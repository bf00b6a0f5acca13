// Formulas stand in the pages as TeX; KaTeX draws them.
for (const element of document.querySelectorAll(".math")) {
  const displayMode = element.tagName === "DIV";
  katex.render(element.textContent, element, { displayMode, throwOnError: false });
}
