// The toy game in the browser: it asks for the next frame when it has drawn the last, so a slow one is sent fewer.
"use strict";

window.energanToy = (() => {
  const REAL = "#1f6fb4", FAKE = "#c2273d";
  const FIELD = [[226, 160, 138], [250, 245, 232], [150, 192, 226]]; // of the critic: fake, between, real
  const COLOURS = Array.from({ length: 256 }, (_, i) => {
    const at = i / 127.5, k = Math.min(1, Math.floor(at)), part = at - k;
    return FIELD[k].map((low, c) => Math.round(low + part * (FIELD[k + 1][c] - low)));
  });
  const KEPT = 600; // values of a curve
  const ENDED = 4000; // the socket's code where the reason is to be told
  const visible = { field: true, arrows: true, points: true };
  const times = []; // [milliseconds, step, bytes] of the last frames
  let places = null, opening = null, real = null, latest = null, socket = null, key = "", curves = [];

  const element = (id) => document.getElementById(id);
  const short = (v) => (v === 0 ? "0" : Math.abs(v) >= 1e5 || Math.abs(v) < 1e-3 ? v.toExponential(2) : String(Number(v.toPrecision(4))));

  function make(tag, className, text) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  // ---------------------------------------------------------------- the socket

  function open(newKey, newPlaces) {
    places = newPlaces;
    key = newKey;
    listen(element(places.sheet));
    connect();
  }

  function connect() {
    if (socket) socket.onclose = null, socket.close();
    const own = (socket = new WebSocket(`ws://${location.host}/toy/frames/${encodeURIComponent(key)}`));
    own.binaryType = "arraybuffer";
    own.onopen = () => { tell(""); next(own); };
    own.onmessage = (message) => received(own, message.data);
    own.onclose = (event) => {
      if (event.code === ENDED) return tell(event.reason);
      tell("The studio does not answer. Trying again …");
      setTimeout(() => own === socket && connect(), 2000);
    };
  }

  function next(own) { if (own === socket && own.readyState === WebSocket.OPEN) own.send("next"); }

  function tell(sentence) { element(places.message).textContent = sentence; }

  function received(own, data) {
    if (typeof data === "string" && data !== "") return opened(JSON.parse(data)); // its frame follows
    // a page that is not looked at draws nothing, and so asks for nothing: the game then waits
    requestAnimationFrame(() => {
      if (typeof data !== "string") arrived(data);
      next(own);
    });
  }

  function opened(given) {
    opening = given;
    const bytes = Uint8Array.from(atob(given.points), (c) => c.charCodeAt(0));
    real = new Uint16Array(bytes.buffer);
    curves = places.sides.map(() => new Map());
    times.length = 0;
    for (const side of places.sides) for (const part of [side.curves, side.legend, side.told]) element(part).replaceChildren();
  }

  function arrived(buffer) {
    const length = new DataView(buffer).getUint32(0, true);
    const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
    let at = 4 + length;
    const take = (bytes) => buffer.slice(at, (at += bytes));
    for (const system of head.systems) {
      if (system.told) continue;
      system.samples = new Uint16Array(take(4 * opening.shown));
      system.field = new Uint8Array(take(opening.side ** 2));
      system.gradients = new Int8Array(take(2 * opening.arrows ** 2));
    }
    latest = head;
    times.push([performance.now(), head.step, buffer.byteLength]);
    if (times.length > 41) times.shift();
    remember(head);
    draw();
  }

  // ---------------------------------------------------------------- pictures

  function draw() {
    if (!latest || latest.systems.length !== opening.systems.length) return;
    element(places.step).textContent = `step ${latest.step.toLocaleString("en")}`;
    const rate = measured();
    element(places.measured).textContent = rate.frames
      ? `${rate.frames.toFixed(0)} frames a second, ${rate.steps.toFixed(0)} steps a second: ${short(Math.round(10 * rate.steps / rate.frames) / 10)} a frame` : "";
    opening.systems.forEach((named, i) => picture(places.sides[i], named, latest.systems[i]));
  }

  function picture(side, named, system) {
    const canvas = element(side.canvas), told = element(side.told);
    if (told.textContent !== system.told) told.textContent = system.told;
    canvas.setAttribute("aria-label", system.told || `${named.name} at step ${latest.step}: points, samples and the critic’s field`);
    const pen = canvas.getContext("2d"), size = canvas.width;
    pen.clearRect(0, 0, size, size);
    if (system.told) return void element(side.legend).replaceChildren();
    if (visible.field) heat(pen, size, system.field, named.errors);
    if (visible.points) dots(pen, size, real, REAL, 1.6);
    if (visible.arrows) arrows(pen, size, system.gradients, named.errors);
    dots(pen, size, system.samples, FAKE, 2);
    legend(element(side.legend), named, system);
  }

  const small = document.createElement("canvas");

  function heat(pen, size, field, errors) {
    const n = opening.side;
    small.width = small.height = n;
    const own = small.getContext("2d"), image = own.createImageData(n, n);
    for (let row = 0; row < n; row++)
      for (let column = 0; column < n; column++) {
        const value = field[(n - 1 - row) * n + column]; // rows of the field are from below
        const [r, g, b] = COLOURS[errors ? 255 - value : value];
        image.data.set([r, g, b, 255], 4 * (row * n + column));
      }
    own.putImageData(image, 0, 0);
    pen.imageSmoothingEnabled = true;
    // the field's points are on the edges of the square, the pixels of an image inside of them
    const half = size / (n - 1) / 2;
    pen.drawImage(small, -half, -half, size + 2 * half, size + 2 * half);
  }

  function dots(pen, size, places16, colour, radius) {
    pen.fillStyle = colour;
    pen.globalAlpha = 0.75;
    for (let i = 0; i < places16.length; i += 2) {
      if (places16[i] === 0) continue; // outside
      const x = ((places16[i] - 1) / 65534) * size, y = (1 - (places16[i + 1] - 1) / 65534) * size;
      pen.beginPath();
      pen.arc(x, y, radius, 0, 7);
      pen.fill();
    }
    pen.globalAlpha = 1;
  }

  function arrows(pen, size, gradients, errors) {
    const n = opening.arrows, cell = size / n;
    pen.strokeStyle = "#3e4c59";
    pen.lineWidth = 1.2;
    pen.beginPath();
    for (let row = 0; row < n; row++)
      for (let column = 0; column < n; column++) {
        const i = 2 * (row * n + column);
        // an arrow shows where samples are pulled: up a score, down an error
        const sign = errors ? -1 : 1;
        const dx = (sign * gradients[i] / 127) * cell * 0.9, dy = (-sign * gradients[i + 1] / 127) * cell * 0.9;
        const x = (column + 0.5) * cell, y = size - (row + 0.5) * cell, long = Math.hypot(dx, dy);
        if (long < 1) continue;
        pen.moveTo(x - dx / 2, y - dy / 2);
        pen.lineTo(x + dx / 2, y + dy / 2);
        const tip = Math.min(5, long / 2), angle = Math.atan2(dy, dx);
        for (const turn of [2.6, -2.6]) {
          pen.moveTo(x + dx / 2, y + dy / 2);
          pen.lineTo(x + dx / 2 + tip * Math.cos(angle + turn), y + dy / 2 + tip * Math.sin(angle + turn));
        }
      }
    pen.stroke();
  }

  function legend(box, named, system) {
    if (!box.firstChild) {
      const bar = make("div", "toy-bar"), stops = named.errors ? [...FIELD].reverse() : FIELD;
      bar.style.background = `linear-gradient(to right, ${stops.map((c) => `rgb(${c})`).join(", ")})`;
      bar.setAttribute("aria-hidden", "true");
      const ends = make("div", "toy-ends");
      ends.append(make("span"), make("span"));
      box.append(make("div"), bar, ends, make("div"));
    }
    const [reads, , ends, below] = box.children;
    reads.textContent = named.reads;
    ends.firstChild.textContent = `${short(system.low)} ${named.errors ? "taken for real" : "taken for fake"}`;
    ends.lastChild.textContent = `${named.errors ? "taken for fake" : "taken for real"} ${short(system.high)}`;
    const out = system.outside ? `; ${system.outside} of ${opening.shown} samples are outside of the picture` : "";
    below.textContent = `The longest arrow is a gradient of ${short(system.longest)}${out}`;
  }

  // ---------------------------------------------------------------- curves

  function remember(head) {
    head.systems.forEach((system, i) => {
      for (const [name, value] of Object.entries(system.logs)) {
        if (!curves[i].has(name)) curves[i].set(name, { values: [], every: 1, ...row(i, name) });
        const curve = curves[i].get(name);
        if (curve.values.length && curve.values.at(-1)[0] >= head.step) continue;
        curve.values.push([head.step, value]);
        if (curve.values.length > KEPT) curve.values = curve.values.filter((_, j) => j % 2 === 0);
        plot(curve, name, value);
      }
    });
  }

  function row(i, name) {
    const box = make("details", "toy-curve"), summary = make("summary"), words = make("span");
    const canvas = make("canvas");
    canvas.width = 240, canvas.height = 64;
    canvas.setAttribute("aria-hidden", "true");
    const meaning = opening.systems[i].meanings[name.slice(name.indexOf("/") + 1)] || "";
    summary.title = meaning;
    summary.append(words, canvas);
    box.append(summary, make("div", "studio-quiet", meaning));
    element(places.sides[i].curves).append(box);
    return { canvas, words };
  }

  function plot(curve, name, value) {
    curve.words.textContent = `${name} ${short(value)}`;
    const pen = curve.canvas.getContext("2d"), { width, height } = curve.canvas, values = curve.values;
    const all = values.map((v) => v[1]), low = Math.min(...all), high = Math.max(...all);
    const first = values[0][0], last = values.at(-1)[0];
    pen.clearRect(0, 0, width, height);
    pen.strokeStyle = "#7b8794";
    pen.lineWidth = 1.5;
    pen.beginPath();
    for (const [step, v] of values) {
      const x = last > first ? ((step - first) / (last - first)) * (width - 2) + 1 : 1;
      const y = high > low ? height - 3 - ((v - low) / (high - low)) * (height - 6) : height / 2;
      pen.lineTo(x, y);
    }
    pen.stroke();
  }

  // ---------------------------------------------------------------- drawing by hand

  let drawn = [], cursor = [0, 0], held = false;

  function listen(sheet) {
    if (sheet.dataset.listens) return sketch();
    sheet.dataset.listens = "yes";
    const at = (event) => {
      const box = sheet.getBoundingClientRect();
      const bound = (v) => Math.max(-1, Math.min(1, v));
      return [bound(2 * (event.clientX - box.left) / box.width - 1), bound(1 - 2 * (event.clientY - box.top) / box.height)];
    };
    sheet.addEventListener("pointerdown", (event) => {
      held = true;
      sheet.setPointerCapture(event.pointerId);
      put(at(event));
    });
    sheet.addEventListener("pointermove", (event) => {
      const point = at(event), before = drawn.at(-1);
      if (held && before && Math.hypot(point[0] - before[0], point[1] - before[1]) > 0.03) put(point);
    });
    const let_go = () => { if (held) held = false, send(); };
    sheet.addEventListener("pointerup", let_go);
    sheet.addEventListener("pointercancel", let_go);
    sheet.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (way) cursor = cursor.map((v, i) => Math.max(-1, Math.min(1, v + (event.shiftKey ? 0.2 : 0.05) * way[i])));
      else if (event.key === " ") put([...cursor]), send();
      else if (event.key === "Backspace") drawn.pop(), send();
      else return;
      event.preventDefault();
      sketch();
    });
    sheet.addEventListener("focus", sketch);
    sheet.addEventListener("blur", sketch);
    sketch();
  }

  function put(point) {
    if (drawn.length >= 2000) return;
    cursor = point;
    drawn.push(point);
    sketch();
  }

  function send() { emitEvent("toy-drawn", { points: drawn.map((p) => p.map((v) => Number(v.toFixed(4)))) }); }

  function clear() { drawn = []; sketch(); }

  function sketch() {
    const sheet = element(places.sheet), pen = sheet.getContext("2d"), size = sheet.width;
    const place = ([x, y]) => [((x + 1) / 2) * size, ((1 - y) / 2) * size];
    pen.clearRect(0, 0, size, size);
    pen.fillStyle = REAL;
    for (const point of drawn) {
      pen.beginPath();
      pen.arc(...place(point), 3, 0, 7);
      pen.fill();
    }
    if (document.activeElement !== sheet) return;
    const [x, y] = place(cursor);
    pen.strokeStyle = "#1f2933";
    pen.beginPath();
    pen.moveTo(x - 9, y), pen.lineTo(x + 9, y), pen.moveTo(x, y - 9), pen.lineTo(x, y + 9);
    pen.stroke();
  }

  // ---------------------------------------------------------------- what else is asked

  function show(what, whether) {
    visible[what] = whether;
    draw();
  }

  /** Frames a second, steps a second and bytes a frame, over the last frames. */
  function measured() {
    const now = performance.now(), recent = times.filter((t) => now - t[0] < 3000);
    if (recent.length < 2) return { frames: 0, steps: 0, bytes: 0 };
    const seconds = (recent.at(-1)[0] - recent[0][0]) / 1000, count = recent.length - 1;
    const bytes = recent.reduce((sum, t) => sum + t[2], 0) / recent.length;
    return { frames: count / seconds, steps: (recent.at(-1)[1] - recent[0][1]) / seconds, bytes };
  }

  return { open, show, clear, measured };
})();
