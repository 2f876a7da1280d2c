/* Draws with a generator in the reader's browser, by onnxruntime-web; no other network, from disk, too.

   models.js          window.energanZoo: name, title, bytes of each model
   runtime.js         onnxruntime-web, its WebAssembly as base64 of gzip
   NAME.js            window.energanModels[NAME]: what it reads, and its .onnx files, as base64 of gzip
   A page from disk may not fetch files, but it may load scripts: so all that is needed is in scripts. */
"use strict";
(() => {
  const ROOT = document.getElementById("draw");
  const HERE = new URL("../../draw/", document.currentScript.src);
  const COUNT = 30; // images of a sheet: three of each of ten classes
  const state = { models: {}, name: "", seed: 0, asked: "", ends: null, turn: 0 };

  // ------------------------------------------------------------------------------------------------ small tools

  /** An element with these attributes and children. */
  function make(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  }

  /** Resolves once a script of the page's folder has run. */
  function script(file) {
    return new Promise((done, failed) => {
      const node = make("script", { src: new URL(file, HERE).href });
      node.onload = done;
      node.onerror = () => failed(new Error(`${file} is not beside this page`));
      document.head.append(node);
    });
  }

  /** The bytes of base64 of gzip. */
  async function unpacked(text) {
    const packed = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  /** Lets the browser show what was changed before a long computation begins. */
  const shown = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));

  /** Random numbers in [0, 1) from a whole number: mulberry32. */
  function uniform(seed) {
    let a = seed >>> 0;
    return () => {
      a = (a + 0x6d2b79f5) >>> 0;
      let t = Math.imul(a ^ (a >>> 15), a | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    };
  }

  // ---------------------------------------------------------------------------------------------- noise and its paths

  /** n rows of a noise of that distribution, one after another. */
  function noise({ kind, mean, deviation }, numbers, seed) {
    const next = uniform(seed);
    const draw =
      kind === "uniform"
        ? () => mean + deviation * Math.sqrt(3) * (2 * next() - 1)
        : () => mean + deviation * Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
    return Float32Array.from({ length: numbers }, draw);
  }

  /** The point t between two noises: on the great circle where they are normal, else on the line. */
  function between(a, b, t, { kind }) {
    let [of_a, of_b] = [1 - t, t];
    if (kind === "normal") {
      const dot = (u, v) => u.reduce((sum, x, i) => sum + x * v[i], 0);
      const cosine = dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
      const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
      if (Math.sin(angle) > 1e-4) {
        [of_a, of_b] = [Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle)];
      }
    }
    return a.map((x, i) => of_a * x + of_b * b[i]);
  }

  // ---------------------------------------------------------------------------------------------------- the networks

  let runtime = null;

  /** onnxruntime-web, ready. */
  function started() {
    runtime ??= script("runtime.js").then(async () => {
      const { mjs, wasm } = window.energanRuntime;
      window.energanRuntime = null;
      ort.env.logLevel = "error";
      ort.env.wasm.numThreads = 1; // more need a server that isolates the page
      ort.env.wasm.wasmBinary = (await unpacked(wasm)).buffer;
      const glue = new Blob([await unpacked(mjs)], { type: "text/javascript" });
      ort.env.wasm.wasmPaths = { mjs: URL.createObjectURL(glue) };
    });
    return runtime;
  }

  /** A model with a session of each of its parts; loaded once. */
  function opened(name) {
    state.models[name] ??= (async () => {
      await Promise.all([started(), script(`${name}.js`)]);
      const model = window.energanModels[name];
      const sessions = {};
      for (const [part, file] of Object.entries(model.parts)) {
        sessions[part] = await ort.InferenceSession.create(await unpacked(file));
      }
      delete model.parts;
      return { ...model, sessions };
    })();
    return state.models[name];
  }

  let queue = Promise.resolve();

  /** The images of rows of z, of classes where the model has some: pixels in [-1, 1], and energies or null. */
  function drawn(model, z, classes) {
    const run = async () => {
      const n = z.length / model.inputs.z[0];
      const feeds = { z: new ort.Tensor("float32", z, [n, ...model.inputs.z]) };
      if (model.inputs.c) {
        const c = new Float32Array(n * model.inputs.c[0]);
        classes.forEach((k, i) => (c[i * model.inputs.c[0] + k] = 1));
        feeds.c = new ort.Tensor("float32", c, [n, ...model.inputs.c]);
      }
      const { generator, energy } = model.sessions;
      const x = (await generator.run(feeds))[generator.outputNames[0]];
      const energies = energy ? (await energy.run({ [energy.inputNames[0]]: x }))[energy.outputNames[0]].data : null;
      return { pixels: x.data, energies };
    };
    queue = queue.then(run, run); // a session runs one batch at a time
    return queue;
  }

  /** Puts image i of a batch on a canvas. */
  function paint(canvas, pixels, i, [channels, height, width]) {
    const image = new ImageData(width, height);
    const plane = height * width;
    const grey = channels === 1;
    for (let p = 0; p < plane; p++) {
      for (let k = 0; k < 3; k++) {
        const value = pixels[(i * channels + (grey ? 0 : k)) * plane + p];
        image.data[4 * p + k] = Math.round((value + 1) * 127.5);
      }
      image.data[4 * p + 3] = 255;
    }
    Object.assign(canvas, { width, height });
    canvas.getContext("2d").putImageData(image, 0, 0);
  }

  // ------------------------------------------------------------------------------------------------------- the page

  const status = make("p", { class: "draw-status", role: "status", "aria-live": "polite" });
  const say = (text) => (status.textContent = text);

  const button = make("button", { type: "button", class: "md-button md-button--primary" }, "Draw anew");
  const seed = make("input", { type: "number", min: 0, max: 999999, step: 1, id: "draw-seed" });
  const kinds = make("fieldset", { class: "draw-pills" });
  const asked = make("fieldset", { class: "draw-pills" });
  const sheet = make("div", { class: "draw-sheet", id: "draw-sheet" });
  const note = make("p", { class: "draw-note" });
  const slider = make("input", { type: "range", min: 0, max: 100, step: 1, value: 50, id: "draw-slider" });
  const where = make("output", { for: "draw-slider", id: "draw-where" });
  const others = make("button", { type: "button", class: "md-button" }, "Two other noises");
  const [first, middle, last] = ["first", "middle", "last"].map((id) => make("canvas", { id: `draw-${id}`, role: "img" }));
  const controls = [button, seed, slider, others];

  /** A group of radio buttons that look like pills. chosen(value) is called when one is chosen. */
  function pills(group, legend, name, choices, value, chosen) {
    group.replaceChildren(make("legend", {}, legend));
    for (const [key, text] of choices) {
      const input = make("input", { type: "radio", name, value: key });
      input.checked = key === value;
      input.onchange = () => chosen(key);
      group.append(make("label", {}, input, make("span", {}, text)));
    }
    group.hidden = choices.length < 2;
  }

  function build() {
    ROOT.replaceChildren(
      kinds, asked,
      make("div", { class: "draw-actions" }, button, make("label", { for: "draw-seed" }, "Seed"), seed, status),
      sheet, note,
      make("div", { class: "draw-between" },
        make("h3", {}, "Between two noises"),
        make("div", { class: "draw-path" }, first, middle, last),
        make("label", { for: "draw-slider" }, "From the left noise to the right one"), slider, where, others));
    button.onclick = () => { state.seed = Math.floor(Math.random() * 1e6); draw(); };
    others.onclick = () => { newEnds(); move(); };
    seed.onchange = () => {
      state.seed = Math.min(999999, Math.max(0, Math.floor(Number(seed.value) || 0)));
      draw();
    };
    slider.oninput = move;
  }

  /** The sheet of the seed, of the chosen class or of all in turn; by energy where the model has one. */
  async function draw() {
    const turn = ++state.turn; // a later call is what is shown
    try {
      const model = await opened(state.name);
      const each = model.inputs.z[0];
      const classes = Array.from({ length: COUNT }, (_, i) =>
        state.asked === "" ? i % (model.classes?.length ?? 1) : Number(state.asked));
      await shown();
      const start = performance.now();
      const { pixels, energies } = await drawn(model, noise(model.noise.z, COUNT * each, state.seed), classes);
      if (turn !== state.turn) return;
      const order = [...classes.keys()];
      if (energies) order.sort((i, j) => energies[i] - energies[j]);
      while (sheet.children.length < COUNT) sheet.append(make("figure", {}, make("canvas", { role: "img" })));
      order.forEach((i, k) => {
        const figure = sheet.children[k], canvas = figure.firstChild;
        paint(canvas, pixels, i, model.shape);
        const words = energies ? `energy ${energies[i].toPrecision(3)}` : model.classes ? `a ${model.classes[classes[i]]}` : "";
        canvas.setAttribute("aria-label", `image ${k + 1}${words && `, ${words}`}`);
        while (figure.children.length > 1) figure.lastChild.remove();
        if (energies) figure.append(make("figcaption", {}, energies[i].toPrecision(3)));
      });
      seed.value = state.seed;
      note.textContent = energies ? "Under each image is its energy, the discriminator's reconstruction error: low on the left and above, where images look most like the training data to it." : "";
      note.hidden = !energies;
      ROOT.dataset.drawn = Number(ROOT.dataset.drawn ?? 0) + 1;
      say(`${COUNT} images in ${Math.round(performance.now() - start)} ms, on your computer.`);
    } catch (error) {
      say(`Drawing failed: ${error.message}.`);
    }
  }

  function newEnds() {
    state.ends = [0, 1].map(() => Math.floor(Math.random() * 2 ** 31));
  }

  let moving = false, again = false;

  /** The image at the slider, between the two ends; only the newest place where the slider is faster. */
  async function move() {
    if (moving) return void (again = true);
    moving = true;
    try {
      do {
        again = false;
        const model = await opened(state.name);
        const [a, b] = state.ends.map((s) => noise(model.noise.z, model.inputs.z[0], s));
        const t = Number(slider.value) / 100;
        const z = [a, between(a, b, t, model.noise.z), b];
        const { pixels, energies } = await drawn(model, Float32Array.from(z.flatMap((row) => [...row])), Array(3).fill(Number(state.asked)));
        [first, middle, last].forEach((canvas, i) => {
          paint(canvas, pixels, i, model.shape);
          canvas.setAttribute("aria-label", ["the left noise's image", `the image at ${slider.value} %`, "the right noise's image"][i]);
        });
        where.textContent = `${slider.value} %${energies ? `, energy ${energies[1].toPrecision(3)}` : ""}`;
        slider.setAttribute("aria-valuetext", where.textContent);
        ROOT.dataset.moved = Number(ROOT.dataset.moved ?? 0) + 1;
      } while (again);
    } catch (error) {
      say(`Drawing failed: ${error.message}.`);
    } finally {
      moving = false;
    }
  }

  async function choose(name) {
    const entry = window.energanZoo.find((each) => each.name === name);
    Object.assign(state, { name, asked: "" });
    ROOT.dataset.model = name;
    controls.forEach((control) => (control.disabled = true));
    say(`Loading ${(entry.bytes / 1e6).toFixed(1)} MB of weights …`);
    try {
      const model = await opened(name);
      if (state.name !== name) return; // another was chosen meanwhile
      const choices = (model.classes ?? []).map((text, k) => [String(k), text]);
      pills(asked, "Class", "draw-class", choices.length ? [["", "all"], ...choices] : [], "", (value) => {
        state.asked = value;
        draw();
        move();
      });
      sheet.classList.toggle("draw-small", model.shape[1] <= 32);
      controls.forEach((control) => (control.disabled = false));
      newEnds();
      await draw();
      await move();
    } catch (error) {
      say(`Loading failed: ${error.message}.`);
    }
  }

  async function begin() {
    if (typeof WebAssembly !== "object" || typeof DecompressionStream !== "function") {
      const missing = typeof WebAssembly !== "object" ? "WebAssembly" : "DecompressionStream";
      ROOT.replaceChildren(make("p", { role: "alert" }, `This browser has no ${missing}, without which nothing can be drawn here; browsers since 2023 have it.`));
      return;
    }
    build();
    try {
      await script("models.js");
    } catch {
      ROOT.replaceChildren(make("p", { role: "alert" }, "This copy of the documentation was built without its models: `make docs` where the package registries can be reached builds it with them."));
      return;
    }
    state.seed = 1;
    const zoo = window.energanZoo;
    pills(kinds, "Model", "draw-model", zoo.map(({ name, title }) => [name, title]), zoo[0].name, choose);
    await choose(zoo[0].name);
  }

  begin();
})();
