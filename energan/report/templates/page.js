"use strict";
// The page's charts and players, from the JSON beside them. uPlot draws; the colours are in page.css.
(() => {
  const data = (root) => JSON.parse(root.querySelector("script").textContent);
  const clamp = (x, low, high) => Math.max(low, Math.min(high, x));
  const figure = (v) => {
    if (v === null || v === undefined) return "–";
    const size = Math.abs(v);
    if (size >= 1e7 || (size && size < 1e-3)) return v.toExponential(2).replace(/\.?0+e/, "e");
    return v.toLocaleString("en", { maximumSignificantDigits: size >= 1000 ? 7 : 4 });
  };
  const step = (v) => `step ${v.toLocaleString("en")}`;

  // A canvas does not follow the style sheet: colours are read at each drawing, and a change of style draws again.
  const plots = new Map();
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const size = (root) => ({ width: root.clientWidth, height: root.clientHeight });
  const refresh = () => plots.forEach((u, root) => { u.setSize(size(root)); u.redraw(false); });
  for (const media of ["print", "(prefers-color-scheme: dark)"]) matchMedia(media).addEventListener("change", refresh);
  window.addEventListener("resize", () => requestAnimationFrame(refresh));

  const line = (tone, label, own) => ({ label, class: tone, width: 2, stroke: () => colour(tone), ...own });
  const dashes = { dash: [5, 4], points: { show: false } };
  const plot = (root, values, [xname, x, y], series, own) => {
    const font = `12px ${colour("sans")}`;
    const marks = (_, found) => found.map((v) => (v === null ? "" : figure(v)));
    const axis = { stroke: () => colour("soft"), font, labelFont: font, ticks: { show: false }, values: marks };
    const wide = (_, found) => 16 + 7 * Math.max(4, ...(found ?? []).map((text) => text.length)); // as its longest mark
    const grid = { stroke: () => colour("rule"), width: 1, filter: (self, ...at) => self.axes[0].filter(self, ...at) };
    const u = new uPlot({
      ...size(root), padding: [10, 12, 0, 0], cursor: { show: false }, ...own, series: [own.where ?? {}, ...series],
      axes: [
        { ...axis, scale: "y", side: 3, gap: 7, space: 36, size: wide, grid, ...own.vertical },
        { ...axis, scale: "x", side: 2, gap: 5, space: 80, size: 24, label: xname, labelSize: 16, labelGap: 0,
          grid: { show: false }, border: { show: true, stroke: () => colour("line"), width: 1 } },
      ],
      scales: { x: { time: false, ...x }, y },
      legend: {
        show: !own.bare, live: "where" in own, mount: (_, legend) => root.before(legend),
        markers: { stroke: "var(--tone)", fill: null, dash: (self, i) => (self.series[i].dash ? "dashed" : "solid") },
      },
    }, values, root);
    plots.set(root, u);
    return u;
  };

  // Pointing reads values, dragging zooms in and a double click out; the keyboard reads values, too.
  const curves = (root) => {
    const chart = data(root), place = root.querySelector(".plot"), button = root.querySelector("button");
    const values = uPlot.join(chart.series.map((s) => [s.points.map((p) => p[0]), s.points.map((p) => p[1])]));
    const steps = values[0], points = { show: () => steps.length <= 12, size: 6 };
    const series = chart.series.map(({ tone, name, dashed, last }) => line(tone, name, {
      points, dash: dashed ? dashes.dash : null, value: (_, v, i, at) => figure(at === null ? last : v),
    }));
    if (chart.level) {
      const { name, value } = chart.level;
      values.push(steps.map(() => value));
      series.push(line("line", name, { ...dashes, value: () => figure(value) }));
    }
    const x = { range: (_, low, high) => [low === steps[0] ? Math.min(0, low) : low, high > low ? high : low + 1] };
    const linear = (_, low, high) => {
      const room = (high - low || Math.abs(high) || 1) * 0.06;
      return [chart.zero ? 0 : low - room, chart.one ? 1 : high + room];
    };
    const digit = (v, round) => { // v rounded to its first digit
      const power = 10 ** Math.floor(Math.log10(v));
      return round(v / power) * power;
    };
    const logarithmic = (_, low, high) => [digit(low ?? 1, Math.floor), digit(1.05 * (high ?? 1), Math.ceil)];
    const where = { label: "", class: "where", value: (_, v) => (v === null ? "last values" : step(v)) };
    const dots = { size: 9, width: 1, stroke: "var(--card)", fill: (u, i) => `var(--${u.series[i].class})` };
    const snap = (u, left, top) => [left < 0 ? left : u.valToPos(steps[u.posToIdx(left)], "x"), top];
    const draw = (log) => {
      plots.get(place)?.destroy(); // the kind of a scale cannot be changed
      button?.setAttribute("aria-pressed", log);
      const axes = ["step", x, log ? { distr: 3, range: logarithmic } : { range: linear }];
      plot(place, values, axes, series, { where, cursor: { y: false, points: dots, move: snap } });
    };
    button?.addEventListener("click", () => draw(button.getAttribute("aria-pressed") !== "true"));
    draw(chart.log);

    const leave = () => plots.get(place).setCursor({ left: -10, top: -10 });
    place.addEventListener("blur", leave);
    place.addEventListener("pointermove", ({ pointerType, offsetX, offsetY }) => { // uPlot listens to mice alone
      if (pointerType !== "mouse") plots.get(place).setCursor({ left: offsetX, top: offsetY });
    });
    place.addEventListener("keydown", (event) => {
      const u = plots.get(place), [first, end] = u.series[0].idxs, now = u.cursor.idx ?? end;
      const next = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: first, End: end, Escape: -1 }[event.key];
      if (next === undefined) return;
      event.preventDefault();
      if (event.key === "Escape") leave();
      else u.setCursor({ left: u.valToPos(steps[clamp(next, first, end)], "x"), top: 0 });
    });
  };

  // A slider over frames with a play button; `show(i)` draws frame i. Returns a function that moves it.
  const player = (root, steps, show) => {
    const [range, button, output] = ["input", "button", "output"].map((name) => root.querySelector(name));
    const end = steps.length - 1;
    let timer = 0;
    const set = (i) => {
      range.value = i;
      output.textContent = step(steps[i]);
      range.setAttribute("aria-valuetext", output.textContent);
      show(i);
    };
    const stop = () => { clearInterval(timer); timer = 0; button.textContent = "Play"; };
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

  // A slider between two pictures that lie on each other: the upper one is cut where the slider stands.
  const wipe = (root) => {
    const range = root.querySelector("input");
    range.addEventListener("input", () => root.style.setProperty("--cut", `${range.value}%`));
  };

  // The chains of all classes at one step: each tile is a window onto the sheet of paths, of images 1 pixel apart.
  const path = (root) => {
    const { steps, rows, width, height } = data(root), sheet = root.querySelector("img");
    const wide = (width + 1) / steps.length - 1, high = (height + 1) / rows - 1;
    const windows = [...root.querySelectorAll(".tile")].map((tile) => {
      tile.style.aspectRatio = `${wide} / ${high}`;
      const image = tile.appendChild(new Image());
      Object.assign(image, { src: sheet.src, className: sheet.className, alt: "" });
      image.style.width = `${(100 * width) / wide}%`;
      return image;
    });
    player(root, steps, (i) => windows.forEach((image, row) => {
      image.style.transform = `translate(${(-100 * i * (wide + 1)) / width}%, ${(-100 * row * (high + 1)) / height}%)`;
    }));
  };

  const histogram = (root) => {
    const { frames, low, top, margin } = data(root), steps = frames.map((f) => f.step);
    const place = root.querySelector(".plot");
    let shown = frames.length - 1;
    const outline = (shares) => { // 0 beside the bins in use, and nothing farther from them
      const first = shares.findIndex(Boolean), end = shares.findLastIndex(Boolean) + 2;
      return [0, ...shares, 0].map((v, i) => (i < first || i > end ? null : v));
    };
    const values = ({ edges, real, fake }) => {
      const bins = [[edges[0], ...edges], outline(real), outline(fake)];
      const rows = bins[0].map((edge, i) => [edge, bins[1][i], bins[2][i]]);
      if (margin !== null) rows.push([margin, , , 0], [margin, , , 2]); // upright, across the whole plot
      rows.sort((a, b) => a[0] - b[0]);
      return [0, 1, 2, 3].map((k) => rows.map((row) => row[k]));
    };
    const area = { width: 1.3, points: { show: false }, paths: uPlot.paths.stepped({ align: 1 }) };
    const filled = (tone, label) => line(tone, label, { ...area, fill: () => `${colour(tone)}59` });
    const rule = margin === null ? [] : [line("line", `margin ${figure(margin)}`, dashes)];
    const x = { range: () => [Math.min(low, frames[shown].low), Math.max(top, frames[shown].high)] };
    const y = { range: () => [0, Math.max(...frames[shown].real, ...frames[shown].fake, 1e-6) * 1.06] };
    const series = [filled("real", "real images"), filled("fake", "generated images"), ...rule];
    const vertical = { values: (_, found) => found.map((v) => `${figure(v * 100)} %`) };
    const picture = plot(place, values(frames[shown]), ["energy", x, y], series, { vertical });
    if (frames.length === 1) return;

    const middles = steps.slice(1).map((s, i) => (steps[i] + s) / 2);
    const bounds = [1.5 * steps[0] - 0.5 * steps[1], ...middles, 1.5 * steps.at(-1) - 0.5 * steps.at(-2)];
    const ends = [bounds[0], bounds.at(-1)];
    const maps = ["real", "fake"].map((tone) => {
      const density = (f, j) => f[tone][j] / (f.edges[j + 1] - f.edges[j]); // the bins of two steps may differ in width
      const densest = Math.max(...frames.flatMap((f) => f[tone].map((_, j) => density(f, j))), 1e-30);
      const cells = ({ ctx, valToPos }) => {
        const place = (v, scale) => Math.round(valToPos(v, scale, true));
        ctx.save();
        ctx.fillStyle = colour(tone);
        frames.forEach((f, i) => f[tone].forEach((share, j) => {
          if (!share || f.edges[j] >= top) return;
          const left = place(bounds[i], "x"), above = place(Math.min(f.edges[j + 1], top), "y");
          ctx.globalAlpha = Math.sqrt(density(f, j) / densest);
          ctx.fillRect(left, above, place(bounds[i + 1], "x") - left, place(f.edges[j], "y") - above);
        }));
        ctx.restore();
      };
      const frame = (u) => {
        const [left, right] = [shown, shown + 1].map((i) => u.valToPos(bounds[i], "x"));
        u.setSelect({ left, top: 0, width: Math.max(3, right - left), height: u.over.clientHeight }, false);
      };
      const axes = ["step", { range: ends }, { range: [low, top] }], hooks = { drawAxes: [cells], draw: [frame] };
      const u = plot(root.querySelector(`.map.${tone}`), [ends, [margin, margin]], axes, rule, { hooks, bare: true });
      const at = (x) => middles.filter((b) => b < u.posToVal(x, "x")).length;
      u.over.addEventListener("click", ({ offsetX }) => move(at(offsetX)));
      return u;
    });
    const move = player(root, steps, (i) => {
      shown = i;
      picture.setData(values(frames[i]));
      place.setAttribute("aria-label", `Histogram of energies at step ${steps[i]}`);
      maps.forEach((u) => u.redraw(false));
    });
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

  document.querySelectorAll("figure.chart > .plot").forEach((place) => curves(place.parentElement));
  document.querySelectorAll(".wipe").forEach(wipe);
  for (const [id, use] of Object.entries({ sheets, path, histogram, copy })) {
    const root = document.getElementById(id);
    if (root) use(root);
  }
})();
