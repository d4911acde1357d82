// The view of a strategy, a layer and a story, with the load and the classes of that layer.
"use strict";

/** Runs that routed the stories, those with a failure last. */
function arms() {
  return data("stories").arms.map((arm) => ({ ...arm, ...runOf(arm.run) }));
}

/** Assignments of each token of a packed story. */
function unpacked(story) {
  const count = numbers(story.count, Uint8Array), experts = numbers(story.experts, Uint16Array);
  const weights = numbers(story.weights, Uint16Array);
  let at = 0;
  return Array.from(count, (many) => Array.from({ length: many }, () => {
    const one = { expert: experts[at] & 0x7fff, weight: weights[at] / 1000, dropped: experts[at] >= 0x8000 };
    at += 1;
    return one;
  }));
}

function partName(part, parts) {
  const steps = parts.filter((other) => other.layer === part.layer).length > 1;
  return steps ? `${part.layer}, step ${part.step + 1}` : String(part.layer);
}

function showRouting(section) {
  const all = arms(), stories = data("stories").stories;
  if (!all.length) {
    section.replaceChildren(missing("No routed run of this study is recorded."));
    return;
  }
  const usual = all.find((arm) => arm.strategy === "softk" && arm.parts.length)?.run;
  const id = remembered("arm", [usual, ...all.map((arm) => arm.run)].filter(Boolean));
  const arm = all.find((one) => one.run === id);
  const part = remembered("layer", arm.parts.length ? arm.parts.map((_, i) => i) : [0]);
  const story = remembered("story", stories.length ? stories.map((_, i) => i) : [0]);
  const again = (changes) => {
    const focus = document.activeElement;
    const to = focus.id ? `#${focus.id}` : focus.name ? `[name="${focus.name}"]:checked` : null;
    remember(changes);
    showRouting(section);
    if (to) section.querySelector(to)?.focus();
  };
  const options = (wanted) => all.filter(wanted).map((one) => [one.run, one.name + (one.status === "failed" ? " (failed)" : "")]);
  const list = picker("arm", "Strategy", [...options((one) => !one.control), ...options((one) => one.control)], id, (run) => again({ arm: run }));
  const pickers = element("div", { class: "pickers" }, list,
    choices("layer", "Layer", arm.parts.map((one, i) => [i, partName(one, arm.parts)]), part, (value) => again({ layer: value })),
    choices("story", "Test story", stories.map((one, i) => [i, String(one.story + 1)]), story, (value) => again({ story: value })));
  const link = element("a", { href: addressOf({ run: id }) }, `${id}: its configuration`);
  const about = element("p", { class: "caption" }, link);
  const chosen = arm.parts[part];
  if (!chosen) {
    const why = arm.failure ? `This run failed: ${arm.failure}.` : "Nothing is recorded of this run.";
    section.replaceChildren(pickers, missing(why), about);
    return;
  }
  const text = stories[story], assignments = unpacked(chosen.stories[story]);
  const line = readout();
  const view = tokenView(text.tokens, assignments, `Story ${text.story + 1}, tokens by expert`, line);
  const fates = assignments.map(fate), count = (kind) => fates.filter((one) => one === kind).length;
  const counts = element("p", { class: "caption", id: "fates" },
    `${whole(fates.length)} tokens${text.cut ? ", the end of the story cut off" : ""}: ${whole(count("lost"))} processed by no expert, ${whole(count("part"))} in part.`);
  const where = { run: id, layer: chosen.layer };
  const measure = remembered("measure", MEASURES.map(([name]) => name));
  section.replaceChildren(pickers,
    element("div", { class: "columns" },
      element("article", { class: "card story" }, element("h2", {}, "Tokens"), line, view, key(), counts, about),
      element("div", { class: "aside" },
        element("article", { class: "card" }, element("h2", {}, `Expert load, layer ${chosen.layer}`),
          loadPanel(arm, rowsWhere(data("load"), where), (expert) => spotlight(view, expert, assignments))),
        element("article", { class: "card" }, element("h2", {}, `Class preference, layer ${chosen.layer}`),
          classesPanel(rowsWhere(data("classes"), where), measure, (value) => again({ measure: value }))))));
}
