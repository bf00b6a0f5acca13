// The lab's frames follow the light or dark of the page around them.
function follow(frame) {
  const root = frame.contentDocument?.documentElement; // none for a page opened from a disk
  if (!root) return;
  root.dataset.theme = document.documentElement.dataset.theme;
  frame.contentDocument.dispatchEvent(new Event("themechange"));
}
for (const frame of document.querySelectorAll("iframe.lab")) {
  frame.addEventListener("load", () => follow(frame));
  new MutationObserver(() => follow(frame)).observe(document.documentElement, { attributeFilter: ["data-theme"] });
}
