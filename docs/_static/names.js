// What the theme leaves without a name for a screen reader.
for (const toggle of document.querySelectorAll("summary:has(> .toctree-toggle)")) {
  toggle.setAttribute("aria-label", `Pages below ${toggle.closest("li")?.querySelector("a")?.textContent.trim() ?? ""}`);
}
