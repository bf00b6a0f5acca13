// Formulas stand in the pages as TeX; KaTeX draws them.
for (const element of document.querySelectorAll(".math")) {
  const displayMode = element.tagName === "DIV";
  if (displayMode) element.tabIndex = 0; // wide ones scroll, by the keyboard too
  katex.render(element.textContent, element, { displayMode, throwOnError: false });
  const after = element.nextSibling;
  // No line begins with the full stop of a formula: a word joiner keeps it there.
  if (!displayMode && after instanceof Text && /^[^\s\w]/.test(after.data)) after.data = `\u2060${after.data}`;
}
