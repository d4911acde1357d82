// Quality against speed, a point a run. A brush, a click or the keyboard selects runs to list.
"use strict";

const MARGIN = { left: 52, right: 16, top: 16, bottom: 44 };
const selected = new Set();

/** Round numbers that span a range, about as many as wanted. */
function ticks(low, high, wanted) {
  const rough = (high - low) / wanted, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
  const found = [];
  for (let at = Math.ceil(low / step); at * step <= high; at++) found.push(Number((at * step).toPrecision(12)));
  return found;
}

function spread(values) {
  const low = Math.min(...values), high = Math.max(...values), room = (high - low || high || 1) * 0.06;
  return [low - room, high + room];
}

function showFrontier(section) {
  const runs = data("runs").runs;
  const drawn = runs.filter((run) => run.status === "finished" && run.tokens_per_s !== null && run.bits_per_byte !== null);
  const list = element("div", { id: "selection" });
  const plot = element("div", { class: "plot" });
  const strategies = [...new Set(drawn.map((run) => run.name))];
  const legend = element("div", { class: "legend", role: "group", "aria-label": "Strategies: select their runs" });
  for (const name of strategies) {
    const own = drawn.filter((run) => run.name === name);
    legend.append(element("button", { type: "button", "aria-pressed": "false", "data-name": name, onclick: () => {
      const all = own.every((run) => selected.has(run.run));
      for (const run of own) all ? selected.delete(run.run) : selected.add(run.run);
      refresh();
    } }, svg("svg", { viewBox: "-8 -8 16 16", width: 14, height: 14, "aria-hidden": "true" }, mark(own[0].strategy, 5.5)), name));
  }
  const refresh = () => {
    for (const point of plot.querySelectorAll(".point")) {
      const on = selected.has(point.dataset.run);
      point.setAttribute("aria-selected", String(on));
      point.classList.toggle("faded", selected.size > 0 && !on);
    }
    for (const button of legend.children) {
      const own = drawn.filter((run) => run.name === button.dataset.name);
      button.setAttribute("aria-pressed", String(own.every((run) => selected.has(run.run))));
    }
    listRuns(list, drawn, () => { selected.clear(); refresh(); });
  };
  const untimed = runs.filter((run) => run.status === "finished" && run.tokens_per_s === null);
  const failed = runs.filter((run) => run.status === "failed");
  const [low, high] = spread(drawn.map((run) => run.bits_per_byte));
  const notes = data("runs").controls.filter((one) => drawn.length && !within(one, low, high)).map((one) =>
    element("p", { class: "caption" }, `${one.name}: ${shown(one.bits_per_byte)} bits per byte, outside this range.`));
  if (untimed.length) notes.push(missing(`Not timed, so not drawn: ${names(untimed)}.`));
  if (failed.length) notes.push(missing(`Failed, so not drawn: ${failed.map((run) => `${run.name}, seed ${run.seed} (${run.failure})`).join("; ")}.`));
  section.replaceChildren(
    element("article", { class: "card" },
      element("h2", {}, "Quality against speed"),
      element("p", {}, "Test bits per byte by a decoder's rule against training speed, a point a run; down and right is better. The grey line joins cells that no other beats in both. Seeds of one cell share its timing. Hollow: reads the future in training."),
      drawn.length ? plot : missing("No finished run of this study is timed."),
      element("p", { class: "caption hint" }, "Drag a box to select runs; or Tab to the points, arrows to move, Space to select, Escape to clear."),
      legend, ...notes),
    element("article", { class: "card" }, element("h2", {}, "Runs"), list));
  if (!drawn.length) return;
  section.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { selected.clear(); refresh(); }
  });
  new ResizeObserver(() => { drawPlot(plot, drawn, refresh); refresh(); }).observe(plot);
}

function names(runs) {
  return [...new Set(runs.map((run) => run.name))].join(", ");
}

/** Axes, the dotted control and the points, as wide as there is room. */
function drawPlot(plot, drawn, refresh) {
  const width = plot.clientWidth, height = Math.max(280, Math.min(460, width * 0.6));
  if (!width) return;
  const [x0, x1] = spread(drawn.map((run) => run.tokens_per_s / 1e3));
  const [y0, y1] = spread(drawn.map((run) => run.bits_per_byte));
  const x = (v) => MARGIN.left + ((v - x0) / (x1 - x0)) * (width - MARGIN.left - MARGIN.right);
  const y = (v) => height - MARGIN.bottom - ((v - y0) / (y1 - y0)) * (height - MARGIN.top - MARGIN.bottom);
  const figure = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "listbox", "aria-multiselectable": "true", "aria-label": "Runs by speed and quality" });
  for (const t of ticks(y0, y1, 5)) {
    figure.append(svg("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(t), y2: y(t) }),
      svg("text", { class: "tick", x: MARGIN.left - 8, y: y(t) + 4, "text-anchor": "end" }, String(t)));
  }
  for (const t of ticks(x0, x1, width / 90)) {
    figure.append(svg("line", { class: "grid", x1: x(t), x2: x(t), y1: MARGIN.top, y2: height - MARGIN.bottom }),
      svg("text", { class: "tick", x: x(t), y: height - MARGIN.bottom + 18, "text-anchor": "middle" }, String(t)));
  }
  figure.append(svg("text", { class: "axis", x: width - MARGIN.right, y: height - 6, "text-anchor": "end" }, "training speed (thousand tokens/s)"),
    svg("text", { class: "axis", transform: `translate(12 ${MARGIN.top}) rotate(-90)`, "text-anchor": "end" }, "test bits per byte"));
  const best = unbeaten(drawn);
  figure.append(svg("polyline", { class: "best", points: best.map((cell) => `${x(cell.tokens_per_s / 1e3)},${y(cell.bits_per_byte)}`).join(" ") }));
  for (const control of data("runs").controls.filter((one) => within(one, y0, y1))) {
    const height = y(control.bits_per_byte);
    figure.append(svg("line", { class: "control", x1: MARGIN.left, x2: width - MARGIN.right, y1: height, y2: height }),
      svg("text", { class: "tick", x: MARGIN.left + 6, y: height - 6 }, control.name));
  }
  const points = [...drawn].sort((a, b) => a.tokens_per_s - b.tokens_per_s || a.bits_per_byte - b.bits_per_byte).map((run, i) =>
    svg("g", { class: "point", role: "option", tabindex: i ? -1 : 0, "aria-selected": "false", "data-run": run.run,
      "aria-label": `${run.name}, seed ${run.seed}: ${shown(run.bits_per_byte)} bits per byte, ${whole(Math.round(run.tokens_per_s))} tokens per second`,
      transform: `translate(${x(run.tokens_per_s / 1e3)} ${y(run.bits_per_byte)})` },
      svg("title", {}, `${run.name}, seed ${run.seed}: ${shown(run.bits_per_byte)} bits per byte, ${whole(Math.round(run.tokens_per_s))} tokens/s`),
      svg("circle", { class: "halo", r: 11 }), mark(run.strategy, 5.5)));
  figure.append(svg("rect", { class: "brush", hidden: true }), ...points);
  roving(figure, () => points);
  figure.addEventListener("keydown", (event) => {
    const run = document.activeElement.dataset.run;
    if (!run || (event.key !== " " && event.key !== "Enter")) return;
    event.preventDefault();
    toggle(run);
    refresh();
  });
  brushable(figure, points, refresh);
  plot.replaceChildren(figure);
}

function toggle(run) {
  if (!selected.delete(run)) selected.add(run);
}

function within(control, low, high) {
  return control.bits_per_byte > low && control.bits_per_byte < high;
}

/** Means of cells that no other cell beats in both, by speed; controls but dense ones left out. */
function unbeaten(drawn) {
  const cells = new Map();
  for (const run of drawn) {
    if (run.control && run.strategy !== "dense") continue;
    if (!cells.has(run.cell)) cells.set(run.cell, []);
    cells.get(run.cell).push(run);
  }
  const means = [...cells.values()].map((runs) => ({
    tokens_per_s: runs[0].tokens_per_s,
    bits_per_byte: runs.reduce((sum, run) => sum + run.bits_per_byte, 0) / runs.length,
  })).sort((a, b) => b.tokens_per_s - a.tokens_per_s);
  let least = Infinity;
  return means.filter((cell) => {
    const better = cell.bits_per_byte < least;
    least = Math.min(least, cell.bits_per_byte);
    return better;
  });
}

/** Drag a box: what lies within is selected. A press that does not move toggles one point. */
function brushable(figure, points, refresh) {
  const box = figure.querySelector(".brush");
  let from = null;
  const place = (event) => {
    const frame = figure.getBoundingClientRect();
    return [event.clientX - frame.left, event.clientY - frame.top];
  };
  const bounds = (to) => [0, 1].map((i) => [Math.min(from[i], to[i]), Math.max(from[i], to[i])]);
  figure.addEventListener("pointerdown", (event) => {
    from = place(event);
    figure.setPointerCapture(event.pointerId);
  });
  figure.addEventListener("pointermove", (event) => {
    if (!from) return;
    const [[left, right], [top, bottom]] = bounds(place(event));
    box.removeAttribute("hidden");
    for (const [key, value] of Object.entries({ x: left, y: top, width: right - left, height: bottom - top })) box.setAttribute(key, value);
  });
  const end = () => { from = null; box.setAttribute("hidden", ""); };
  figure.addEventListener("pointercancel", end);
  figure.addEventListener("pointerup", (event) => {
    if (!from) return;
    const [[left, right], [top, bottom]] = bounds(place(event));
    const centre = (point) => point.transform.baseVal.getItem(0).matrix;
    if (right - left < 4 && bottom - top < 4) {
      const near = points.filter((point) => Math.hypot(centre(point).e - left, centre(point).f - top) < 12);
      for (const point of near) toggle(point.dataset.run);
    } else {
      selected.clear();
      for (const point of points) {
        const { e, f } = centre(point);
        if (e >= left && e <= right && f >= top && f <= bottom) selected.add(point.dataset.run);
      }
    }
    end();
    refresh();
  });
}

/** The runs selected, or all of them, best first. */
function listRuns(list, drawn, clear) {
  const listed = drawn.filter((run) => !selected.size || selected.has(run.run)).sort((a, b) => a.bits_per_byte - b.bits_per_byte);
  const rows = listed.map((run) => element("tr", { "data-run": run.run },
    element("th", { scope: "row" }, run.name), element("td", {}, String(run.seed)),
    element("td", {}, shown(run.bits_per_byte)), element("td", {}, whole(Math.round(run.tokens_per_s))),
    element("td", {}, percent(run.drop_rate)), element("td", {}, element("a", { href: addressOf({ run: run.run }) }, "configuration"))));
  list.replaceChildren(
    element("p", { role: "status", id: "selected" }, selected.size
      ? `${selected.size} of ${drawn.length} runs selected. ` : `All ${drawn.length} runs; select some above. `,
    selected.size ? element("button", { type: "button", class: "small", onclick: clear }, "Clear") : null),
    element("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Runs, scrolls sideways" }, element("table", { class: "runs" },
      element("thead", {}, element("tr", {}, ...["run", "seed", "bits per byte", "tokens/s", "dropped", ""].map((name) => element("th", { scope: "col" }, name)))),
      element("tbody", {}, ...rows))));
}
