"use strict";
// The page's charts and players, drawn from the JSON beside them; nothing is loaded. Colours are in page.css.
(() => {
  const el = (name, attributes = {}, parent = null, text = "") => {
    const svg = ["svg", "g", "path", "line", "rect", "text", "circle"].includes(name);
    const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text) node.textContent = text;
    if (parent) parent.append(node);
    return node;
  };
  const data = (root) => JSON.parse(root.querySelector("script").textContent);
  const clamp = (x, low, high) => Math.max(low, Math.min(high, x));
  const figure = (v) => {
    if (v === null || v === undefined) return "–";
    if (v !== 0 && (Math.abs(v) >= 1e7 || Math.abs(v) < 1e-3)) return v.toExponential(2);
    return v.toLocaleString("en", { maximumSignificantDigits: Math.abs(v) >= 1000 ? 7 : 4, maximumFractionDigits: 4 });
  };
  const short = (v) => {
    const size = Math.abs(v);
    if (size >= 1e6) return size >= 1e9 ? v.toExponential(0) : +(v / 1e6).toPrecision(3) + "M";
    if (size >= 1e4) return +(v / 1e3).toPrecision(3) + "k";
    return size !== 0 && size < 1e-3 ? v.toExponential(0) : String(+v.toPrecision(6));
  };
  const nearest = (values, x) => values.reduce((best, v, i) => (Math.abs(v - x) < Math.abs(values[best] - x) ? i : best), 0);

  // Round marks in [low, high], about `count` of them; on a logarithmic axis the powers of ten.
  const marks = (low, high, count, log) => {
    if (log) {
      const found = [];
      for (let e = Math.ceil(low - 1e-9); e <= Math.floor(high + 1e-9); e++) found.push(e);
      const skip = Math.ceil(found.length / count);
      return found.filter((_, i) => i % skip === 0);
    }
    const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find((k) => k * power >= rough * 0.999);
    const found = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-6; i++) found.push(+(i * step).toPrecision(12));
    return found;
  };

  const rows = (height) => (height > 250 ? 6 : 4);

  // Axes of a plot: x in [x0, x1], y in [y0, y1] onto width x height pixels. Returns the two scales.
  const axes = (svg, box, { x0, x1, y0, y1, log = false, percent = false, xname }) => {
    const { width, height, left = 46, right = 12, top = 10, bottom = 36 } = box;
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.replaceChildren();
    const x = (v) => left + ((v - x0) / (x1 - x0 || 1)) * (width - left - right);
    const y = (v) => height - bottom - ((v - y0) / (y1 - y0 || 1)) * (height - top - bottom);
    for (const v of marks(y0, y1, rows(height), log)) {
      el("line", { class: "grid", x1: left, x2: width - right, y1: y(v), y2: y(v) }, svg);
      const label = percent ? short(v * 100) + " %" : short(log ? 10 ** v : v);
      el("text", { class: "mark", x: left - 7, y: y(v) + 4, "text-anchor": "end" }, svg, label);
    }
    for (const v of marks(x0, x1, Math.max(2, width / 80), false)) {
      const anchor = x(v) > width - 40 ? "end" : "middle";
      el("text", { class: "mark", x: anchor === "end" ? width - right : x(v), y: height - bottom + 17, "text-anchor": anchor }, svg, short(v));
    }
    el("line", { class: "axis", x1: left, x2: width - right, y1: height - bottom, y2: height - bottom }, svg);
    el("text", { class: "mark name", x: (left + width - right) / 2, y: height - 3, "text-anchor": "middle" }, svg, xname);
    return { x, y, left, right: width - right, top, bottom: height - bottom };
  };

  const redraws = [];
  let waiting = 0;
  window.addEventListener("resize", () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => redraws.forEach((draw) => draw()));
  });
  const onSize = (draw) => { redraws.push(draw); draw(); };

  const key = (legend, tone, name, dashed) => {
    const item = el("span", { class: `key ${tone}` }, legend);
    const swatch = el("svg", { class: "swatch", viewBox: "0 0 18 8", "aria-hidden": "true" }, item);
    el("line", { class: `curve ${dashed ? "dashed" : ""}`, x1: 0, x2: 18, y1: 4, y2: 4 }, swatch);
    el("span", {}, item, name);
    return el("b", {}, item);
  };

  const curveChart = (root) => {
    const chart = data(root);
    const legend = el("div", { class: "legend" });
    root.append(legend);
    const values = chart.series.map((s) => key(legend, s.tone, s.name, s.dashed));
    if (chart.level) key(legend, "line", `${chart.level.name} ${figure(chart.level.value)}`, true);
    const where = el("span", { class: "where" }, legend);
    const svg = el("svg", { class: "plot", tabindex: "0", role: "img" }, root);
    const steps = [...new Set(chart.series.flatMap((s) => s.points.map((p) => p[0])))].sort((a, b) => a - b);
    const lookup = chart.series.map((s) => new Map(s.points));
    const finite = chart.series.flatMap((s) => s.points.map((p) => p[1])).filter((v) => v !== null);
    const last = chart.series.map((s) => s.points.map((p) => p[1]).filter((v) => v !== null).at(-1));
    svg.setAttribute("aria-label", `${chart.title}; last values: ` + chart.series.map((s, i) => `${s.name} ${figure(last[i])}`).join(", "));
    let log = chart.log, scales = null, chosen = -1;
    const scaled = (v) => (log ? Math.log10(v) : v);

    const read = (index) => {
      chosen = index;
      svg.querySelectorAll(".cursor").forEach((node) => node.remove());
      where.textContent = index < 0 ? "last values" : `step ${steps[index].toLocaleString("en")}`;
      const at = chart.series.map((s, i) => (index < 0 ? last[i] : lookup[i].get(steps[index])));
      at.forEach((v, i) => { values[i].textContent = figure(v); });
      if (index < 0 || !scales) return;
      const x = scales.x(steps[index]);
      el("line", { class: "cursor axis", x1: x, x2: x, y1: scales.top, y2: scales.bottom }, svg);
      at.forEach((v, i) => {
        if (v !== null && v !== undefined) el("circle", { class: `cursor dot ${chart.series[i].tone}`, cx: x, cy: scales.y(scaled(v)), r: 4 }, svg);
      });
    };

    const draw = () => {
      if (!finite.length) return;
      const shown = chart.level ? [...finite, chart.level.value] : finite;
      let y0 = Math.min(...shown.map(scaled)), y1 = Math.max(...shown.map(scaled));
      const room = (y1 - y0 || Math.abs(y1) || 1) * 0.06;
      y0 = chart.zero && !log ? 0 : y0 - room;
      y1 = chart.one && !log ? 1 : y1 + room;
      const width = Math.max(260, root.clientWidth), height = root.classList.contains("wide") ? clamp(width * 0.36, 230, 340) : 220;
      if (!log) { // to the round marks around the values
        const round = marks(y0, y1, rows(height), false), step = round[1] - round[0];
        if (step > 0) { y0 = Math.floor(y0 / step + 1e-9) * step; y1 = Math.ceil(y1 / step - 1e-9) * step; }
      }
      scales = axes(svg, { width, height }, { x0: Math.min(0, steps[0]), x1: steps.at(-1), y0, y1, log, xname: "step" });
      if (chart.level) {
        const y = scales.y(scaled(chart.level.value));
        el("line", { class: "curve line dashed", x1: scales.left, x2: scales.right, y1: y, y2: y }, svg);
      }
      for (const s of chart.series) {
        let path = "", pen = "M", alone = false;
        for (const [step, v] of s.points) {
          if (v === null) { pen = "M"; continue; }
          path += `${pen}${scales.x(step).toFixed(1)} ${scales.y(scaled(v)).toFixed(1)}`;
          alone = s.points.length === 1;
          pen = "L";
        }
        el("path", { class: `curve ${s.tone} ${s.dashed ? "dashed" : ""}`, d: path }, svg);
        if (alone || s.points.length <= 12) s.points.forEach(([step, v]) => v !== null && el("circle", { class: `dot ${s.tone}`, cx: scales.x(step), cy: scales.y(scaled(v)), r: 3 }, svg));
      }
      read(chosen);
    };

    if (!finite.length) {
      svg.remove();
      el("p", { class: "absent" }, root, "None of its logged values is finite.");
    }
    if (chart.logarithmic && finite.length) {
      const button = el("button", { type: "button", class: "quiet", "aria-pressed": String(log) }, root, "log scale");
      button.addEventListener("click", () => { log = !log; button.setAttribute("aria-pressed", String(log)); draw(); });
    }
    const point = (event) => {
      const inside = svg.getBoundingClientRect(), x = ((event.clientX - inside.left) / inside.width) * svg.viewBox.baseVal.width;
      read(nearest(steps.map(scales.x), x));
    };
    svg.addEventListener("pointermove", point);
    svg.addEventListener("pointerdown", point);
    svg.addEventListener("pointerleave", () => read(-1));
    svg.addEventListener("blur", () => read(-1));
    svg.addEventListener("keydown", (event) => {
      const now = chosen < 0 ? steps.length - 1 : chosen;
      const next = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: steps.length - 1, Escape: -1 }[event.key];
      if (next === undefined) return;
      event.preventDefault();
      read(event.key === "Escape" ? -1 : clamp(next, 0, steps.length - 1));
    });
    onSize(draw);
    read(-1);
  };

  // A slider over frames with a play button; `show(i)` draws frame i. Returns a function that moves it.
  const player = (root, steps, show) => {
    const range = root.querySelector("input"), button = root.querySelector("button"), output = root.querySelector("output");
    let timer = 0;
    const set = (i) => {
      range.value = i;
      output.textContent = `step ${steps[i].toLocaleString("en")}`;
      range.setAttribute("aria-valuetext", output.textContent);
      show(i);
    };
    const stop = () => { clearInterval(timer); timer = 0; button.textContent = "Play"; };
    const end = steps.length - 1;
    button.addEventListener("click", () => {
      if (timer) { stop(); return; }
      if (+range.value >= end) set(0);
      button.textContent = "Pause";
      timer = setInterval(() => {
        set(Math.min(end, +range.value + 1));
        if (+range.value >= end) stop();
      }, clamp(6000 / steps.length, 150, 500));
    });
    range.addEventListener("input", () => { stop(); set(+range.value); });
    set(end);
    return (i) => { stop(); set(i); };
  };

  const sheets = (root) => {
    const frames = data(root), image = root.querySelector("img");
    player(root, frames.map((f) => f.step), (i) => { image.src = frames[i].uri; });
  };

  // The chains of all classes at one step: each tile is a window onto the sheet of paths, whose images are 1 pixel apart.
  const path = (root) => {
    const { steps, rows, width, height } = data(root), sheet = root.querySelector("img");
    const wide = (width + 1) / steps.length - 1, high = (height + 1) / rows - 1;
    const windows = [...root.querySelectorAll(".tile")].map((tile) => {
      tile.style.aspectRatio = `${wide} / ${high}`;
      const image = el("img", { src: sheet.src, class: sheet.className, alt: "" }, tile);
      image.style.width = `${(100 * width) / wide}%`;
      return image;
    });
    player(root, steps, (i) => windows.forEach((image, row) => {
      image.style.transform = `translate(${(-100 * i * (wide + 1)) / width}%, ${(-100 * row * (high + 1)) / height}%)`;
    }));
  };

  const histogram = (root) => {
    const { frames, margin } = data(root), steps = frames.map((f) => f.step);
    const picture = root.querySelector(".picture"), maps = root.querySelector(".maps");
    const legend = el("div", { class: "legend" }, picture);
    key(legend, "real", "real images", false);
    key(legend, "fake", "generated images", false);
    if (margin !== null) key(legend, "line", `margin ${figure(margin)}`, true);
    const svg = el("svg", { class: "plot", role: "img" }, picture);
    // The energies that a frame's images have, and a range that suits most frames: one that diverged would flatten all.
    const span = (f) => {
      const used = f.edges.flatMap((_, i) => (f.real[i] || f.fake[i] ? [i] : []));
      return used.length ? [f.edges[used[0]], f.edges[used.at(-1) + 1]] : [f.edges[0], f.edges.at(-1)];
    };
    const spans = frames.map(span), tops = spans.map((s) => s[1]).sort((a, b) => a - b);
    const usual = tops[Math.floor(tops.length / 2)], most = tops.at(-1);
    const high = usual > 0 ? Math.min(most, Math.max(3 * usual, margin ?? 0)) : most, low = Math.min(...spans.map((s) => s[0]));
    const top = Math.max(high, margin !== null && margin < 3 * high ? margin * 1.03 : high);
    let shown = frames.length - 1, mapScales = [];

    const draw = () => {
      const f = frames[shown], own = spans[shown];
      const x0 = Math.min(low, own[0]), x1 = Math.max(top, own[1]), y1 = Math.max(...f.real, ...f.fake, 1e-6) * 1.06;
      const width = Math.max(260, picture.clientWidth), height = clamp(width * 0.36, 220, 320);
      const scales = axes(svg, { width, height }, { x0, x1, y0: 0, y1, percent: true, xname: "energy" });
      svg.setAttribute("aria-label", `Histogram of energies at step ${f.step}`);
      for (const tone of ["real", "fake"]) {
        const used = f[tone].flatMap((share, i) => (share ? [i] : []));
        if (!used.length) continue;
        let path = `M${scales.x(f.edges[used[0]]).toFixed(1)} ${scales.bottom}`;
        for (let i = used[0]; i <= used.at(-1); i++) path += `V${scales.y(f[tone][i]).toFixed(1)}H${scales.x(f.edges[i + 1]).toFixed(1)}`;
        el("path", { class: `area ${tone}`, d: `${path}V${scales.bottom}Z` }, svg);
      }
      if (margin !== null && margin >= x0 && margin <= x1) el("line", { class: "curve line dashed", x1: scales.x(margin), x2: scales.x(margin), y1: scales.top, y2: scales.bottom }, svg);
    };
    const cursor = () => mapScales.forEach(({ map, scales, bounds }) => {
      map.querySelector(".cursor")?.remove();
      const x = scales.x(bounds[shown]);
      el("rect", { class: "cursor frame", x, y: scales.top, width: Math.max(3, scales.x(bounds[shown + 1]) - x), height: scales.bottom - scales.top }, map);
    });

    const drawMaps = () => {
      maps.replaceChildren();
      const gaps = steps.map((s, i) => (i ? (steps[i - 1] + s) / 2 : s - (steps.length > 1 ? (steps[1] - s) / 2 : 1)));
      const bounds = [...gaps, steps.length > 1 ? steps.at(-1) + (steps.at(-1) - steps.at(-2)) / 2 : steps[0] + 1];
      const columns = getComputedStyle(maps).gridTemplateColumns.split(" ").length;
      mapScales = ["real", "fake"].map((tone) => {
        const holder = el("figure", {}, maps);
        el("figcaption", { class: `key ${tone}` }, holder, tone === "real" ? "real images" : "generated images");
        const map = el("svg", { class: "plot map", role: "img", "aria-label": `Energies of ${tone === "real" ? "real" : "generated"} images at all steps` }, holder);
        const width = Math.max(240, maps.clientWidth / columns - 12);
        const scales = axes(map, { width, height: 230 }, { x0: bounds[0], x1: bounds.at(-1), y0: low, y1: top, xname: "step" });
        // Shares per unit of energy: the bins of two steps may differ in width.
        const density = (f, j) => f[tone][j] / (f.edges[j + 1] - f.edges[j]);
        const densest = Math.max(...frames.flatMap((f) => f[tone].map((_, j) => density(f, j))), 1e-30);
        frames.forEach((f, i) => {
          const x = Math.round(scales.x(bounds[i])), wide = Math.round(scales.x(bounds[i + 1])) - x;
          f[tone].forEach((share, j) => {
            if (!share || f.edges[j] >= top) return;
            const y = Math.round(scales.y(Math.min(f.edges[j + 1], top)));
            el("rect", { class: tone, x, y, width: wide, height: Math.round(scales.y(f.edges[j])) - y, "fill-opacity": Math.sqrt(density(f, j) / densest).toFixed(3) }, map);
          });
        });
        if (margin !== null && margin >= low && margin <= top) el("line", { class: "curve line dashed", x1: scales.left, x2: scales.right, y1: scales.y(margin), y2: scales.y(margin) }, map);
        map.addEventListener("click", (event) => {
          const inside = map.getBoundingClientRect();
          move(nearest(steps.map(scales.x), ((event.clientX - inside.left) / inside.width) * width));
        });
        return { map, scales, bounds };
      });
      if (top < most) el("p", { class: "note" }, maps, `Energies above ${figure(top)}, up to ${figure(most)}, are left out of these two maps.`);
      cursor();
    };
    if (!maps) { onSize(draw); return; } // one step alone
    const move = player(root, steps, (i) => { shown = i; draw(); cursor(); });
    onSize(() => { draw(); drawMaps(); });
  };

  const copy = (button) => button.addEventListener("click", async () => {
    const text = document.getElementById("command");
    const done = (word) => { button.textContent = word; setTimeout(() => { button.textContent = "Copy"; }, 2000); };
    try {
      await navigator.clipboard.writeText(text.textContent);
      done("Copied");
    } catch { // some browsers give a page from disk no clipboard: select it, so that Ctrl-C does it
      getSelection().selectAllChildren(text);
      done(document.execCommand("copy") ? "Copied" : "Selected");
    }
  });

  document.querySelectorAll("figure.chart").forEach(curveChart);
  const found = (id, use) => { const root = document.getElementById(id); if (root) use(root); };
  found("sheets", sheets);
  found("path", path);
  found("histogram", histogram);
  found("copy", copy);
})();
