// Keys of the label page: what was pressed, and the token of the image that was seen then.
(() => {
  const typing = (target) => target.closest && target.closest("input, textarea, select, [contenteditable], .q-menu, [role=listbox]");
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || typing(event.target)) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (!/^([1-9a-z ]|Backspace)$/.test(key)) return;
    if (key === " " && event.target.closest("button, a, [role=slider], [role=checkbox]")) return; // presses that one
    const image = document.querySelector(".label-image");
    if (!image) return;
    event.preventDefault();
    emitEvent("label-key", { key, token: image.getAttribute("data-token") });
  });
  // a button that the mouse pressed does not keep the focus: space then skips
  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest(".label-part button");
    if (button && event.detail) button.blur();
  });
})();
