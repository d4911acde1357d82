// How much each expert was asked to do, and did: the counts of expert_load.csv.
"use strict";

/** Coefficient of variation of counts: standard deviation over mean. */
function variation(counts) {
  const mean = counts.reduce((a, b) => a + b, 0) / counts.length;
  const square = counts.reduce((a, b) => a + (b - mean) ** 2, 0) / counts.length;
  return Math.sqrt(square) / mean;
}

/** rows: of one run and layer. point(expert or null): called as one is pointed at. */
function loadPanel(run, rows, point) {
  if (!rows.length) return missing("No load is recorded for this layer.");
  const asked = rows.map((row) => row.assignments);
  const all = asked.reduce((a, b) => a + b, 0), kept = rows.reduce((a, row) => a + row.kept, 0);
  const most = Math.max(...asked, 1);
  const body = rows.map((row, i) => {
    const dropped = row.assignments - row.kept;
    const bar = element("div", { class: "bar" },
      element("i", { class: `kept ${lookOf(row.expert)}`, style: `width:${(100 * row.kept) / most}%` }),
      element("i", { class: "dropped", style: `width:${(100 * dropped) / most}%` }));
    const only = () => point(row.expert), none = () => point(null);
    return element("tr", { tabindex: i ? -1 : 0, "data-expert": row.expert, onpointerenter: only, onfocus: only, onpointerleave: none, onblur: none },
      element("th", { scope: "row" }, chip(row.expert)),
      element("td", { class: "bars" }, bar),
      element("td", { class: "kept" }, whole(row.kept)),
      element("td", { class: "gone" }, whole(dropped)),
      element("td", { class: "share" }, percent(row.assignments / all)));
  });
  const table = element("table", { class: "load" },
    element("thead", {}, element("tr", {},
      element("th", { scope: "col" }, "expert"), element("th", { scope: "col" }, "load"),
      element("th", { scope: "col" }, "kept"), element("th", { scope: "col" }, "dropped"), element("th", { scope: "col" }, "share"))),
    element("tbody", {}, ...body));
  roving(table, () => body);
  const entropy = run.router_entropy_nats;
  // a run's own CV is a mean over the steps of a layer, which are added up here
  const steps = run.parts.some((part) => part.step > 0);
  return element("div", {},
    element("dl", { class: "tiles" },
      tile("load-cv", "Load CV", shown(variation(asked)), steps ? "this layer, all steps" : `this layer; run ${shown(run.load_cv)}`),
      tile("drop-rate", "Dropped", percent(1 - kept / all), `this layer; run ${percent(run.drop_rate)}`),
      tile("entropy", "Router entropy", entropy === null ? "—" : shown(entropy),
        entropy === null ? "no router to measure" : `nats, run; at most ${shown(Math.log(run.num_experts))}`)),
    table,
    element("p", { class: "caption" }, `${whole(all)} assignments of ${whole(rows[0].num_tokens)} test tokens; even load would be ${percent(1 / rows.length)} each. Point at an expert, or use the arrow keys, to see its tokens.`));
}
