// Keys and buttons of the label page: the key, and the token of the image that was seen then.
(() => {
  const typing = (target) => target.closest && target.closest("input, textarea, select, [contenteditable], .q-menu, [role=listbox]");
  const answer = (key) => {
    const image = document.querySelector(".label-image");
    if (image) emitEvent("label-key", { key, token: image.getAttribute("data-token") });
    return image;
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || typing(event.target)) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (!/^([1-9a-z ]|Backspace)$/.test(key)) return;
    if (key === " " && event.target.closest("button, a, [role=slider], [role=checkbox]")) return; // presses that one
    if (answer(key)) event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("main button");
    if (!button) return;
    if (button.dataset.key && button.closest(".label-part")) answer(button.dataset.key);
    if (event.detail) button.blur(); // one that the mouse pressed does not keep the focus: space then skips
  });
})();
