// Which kinds of tokens each expert takes: the counts of class_preference.csv.
"use strict";

const MEASURES = [["assignments", "assignments"], ["primary", "first choices"]];

/** rows: of one run and layer. measure: assignments or primary. */
function classesPanel(rows, measure, change) {
  if (!rows.length) return missing("No class preference is recorded for this layer.");
  const experts = [...new Set(rows.map((row) => row.expert))].sort((a, b) => a - b);
  const kinds = [...new Set(rows.map((row) => row.token_class))];
  const body = kinds.map((kind) => {
    const own = rows.filter((row) => row.token_class === kind);
    const all = own.reduce((sum, row) => sum + row[measure], 0);
    const cells = experts.map((expert) => {
      const count = own.find((row) => row.expert === expert)?.[measure] ?? 0;
      const share = all ? count / all : 0;
      return element("td", { style: `--share:${share.toFixed(3)}`, "data-count": count, title: `${kind}, expert ${expert}: ${whole(count)} of ${whole(all)}, ${percent(share)}` },
        count ? element("b", {}, String(Math.round(100 * share))) : "·", count ? element("small", {}, whole(count)) : null);
    });
    return element("tr", {}, element("th", { scope: "row" }, kind),
      element("td", { class: "total" }, whole(own[0].num_tokens)), ...cells);
  });
  return element("div", {},
    choices("measure", "Counted", MEASURES, measure, change),
    element("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Class preference, scrolls sideways" },
      element("table", { class: "classes" },
        element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "class"), element("th", { scope: "col" }, "tokens"),
          ...experts.map((expert) => element("th", { scope: "col" }, chip(expert))))),
        element("tbody", {}, ...body))),
    element("p", { class: "caption" }, "Per cent of a class's count that goes to each expert, above the count itself."));
}
