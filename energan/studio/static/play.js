"use strict";
// The plane: where a pointer or a key moves the dot to, [across, down] from 0 to 1; null for what moves nothing.
function playPlane(e) {
  const square = e.currentTarget;
  const clamp = (t) => Math.min(1, Math.max(0, t));
  let u = Number(square.dataset.u || 0.5), v = Number(square.dataset.v || 0.5);
  if (e.type === "keydown") {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
    if (!by) return null;
    e.preventDefault();
    const step = e.shiftKey ? 0.1 : 0.02;
    u += by[0] * step;
    v += by[1] * step;
  } else {
    if (e.type === "pointermove" && !(e.buttons & 1)) return null;
    if (e.type === "pointerdown") square.setPointerCapture(e.pointerId);
    const box = square.getBoundingClientRect();
    u = (e.clientX - box.left) / box.width;
    v = (e.clientY - box.top) / box.height;
  }
  [u, v] = [clamp(u), clamp(v)];
  square.dataset.u = u;
  square.dataset.v = v;
  square.style.setProperty("--u", u);
  square.style.setProperty("--v", v);
  return [u, v];
}

// The brush: a canvas of the picture's own pixels, white where something is to be filled in.
function playBrush(id) {
  const canvas = getHtmlElement(id);
  if (!canvas || canvas.playMask) return canvas;
  const [w, h] = [Number(canvas.dataset.w), Number(canvas.dataset.h)];
  canvas.width = w;
  canvas.height = h;
  canvas.playMask = new Uint8Array(w * h);
  canvas.playAt = [w / 2, h / 2];
  canvas.playSize = Math.max(1, Math.round(Math.min(w, h) / 8));
  const draw = () => {
    const pen = canvas.getContext("2d"), pixels = pen.createImageData(w, h);
    canvas.playMask.forEach((on, i) => on && pixels.data.set([247, 183, 51, 220], 4 * i));
    pen.putImageData(pixels, 0, 0);
    const r = canvas.playSize / 2;
    pen.strokeStyle = "#1f2933";
    pen.lineWidth = Math.max(0.5, w / 128);
    if (document.activeElement === canvas) pen.strokeRect(canvas.playAt[0] - r, canvas.playAt[1] - r, 2 * r, 2 * r);
  };
  const paint = (x, y, on) => {
    const r = canvas.playSize / 2;
    for (let j = Math.max(0, Math.floor(y - r)); j < Math.min(h, y + r); j++)
      for (let i = Math.max(0, Math.floor(x - r)); i < Math.min(w, x + r); i++) canvas.playMask[j * w + i] = on;
  };
  const at = (e) => {
    const box = canvas.getBoundingClientRect();
    return [((e.clientX - box.left) / box.width) * w, ((e.clientY - box.top) / box.height) * h];
  };
  canvas.addEventListener("pointerdown", (e) => {
    canvas.setPointerCapture(e.pointerId);
    canvas.playAt = at(e);
    paint(...canvas.playAt, e.shiftKey ? 0 : 1);
    draw();
  });
  canvas.addEventListener("pointermove", (e) => {
    if (!(e.buttons & 1)) return;
    const [[x0, y0], [x1, y1]] = [canvas.playAt, at(e)];
    const steps = Math.ceil(Math.max(Math.abs(x1 - x0), Math.abs(y1 - y0), 1));
    for (let i = 1; i <= steps; i++) paint(x0 + ((x1 - x0) * i) / steps, y0 + ((y1 - y0) * i) / steps, e.shiftKey ? 0 : 1);
    canvas.playAt = [x1, y1];
    draw();
  });
  canvas.addEventListener("keydown", (e) => {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
    if (!by && e.key !== " ") return;
    e.preventDefault();
    if (by) canvas.playAt = canvas.playAt.map((t, k) => Math.min([w, h][k], Math.max(0, t + by[k])));
    if (e.key === " " || e.shiftKey) paint(...canvas.playAt, 1);
    draw();
  });
  canvas.addEventListener("focus", draw);
  canvas.addEventListener("blur", draw);
  canvas.playDraw = draw;
  draw();
  return canvas;
}
function playMask(id) {
  return Array.from(playBrush(id).playMask).join("");
}
function playClear(id) {
  const canvas = playBrush(id);
  canvas.playMask.fill(0);
  canvas.playDraw();
}
