// Text coloured by expert. A token wears its first choice's colour, pattern and number.
"use strict";

const VISIBLE = { " ": "␣", "\n": "↵", "\t": "⇥", "<|endoftext|>": "¶", "<unk>": "�" };

/** Classes of an expert's look: eight hues, and a pattern for each eight, both again and again. */
function lookOf(expert) {
  return `hue${expert % 8} pattern${Math.floor(expert / 8) % 4}`;
}

/** An expert's number in its look. */
function chip(expert) {
  return element("span", { class: `chip ${lookOf(expert)}` }, String(expert));
}

/** What became of a token: whole, part (some choices dropped) or lost (no expert processed it). */
function fate(assignments) {
  const kept = assignments.filter((one) => !one.dropped).length;
  if (kept === 0) return "lost";
  return kept < assignments.length ? "part" : "whole";
}

function said(text, assignments) {
  const name = { " ": "space", "\n": "line end", "<|endoftext|>": "story end" }[text] ?? text;
  const experts = assignments.map((one) =>
    `expert ${one.expert}, weight ${shown(one.weight)}${one.dropped ? ", dropped" : ""}`);
  return `${name}: ${experts.join("; ") || "chosen by no expert"}`;
}

/** A line that tells of one token: its experts, weights as bars, and what was dropped. */
function readout() {
  return element("div", { class: "readout", role: "status" },
    element("span", { class: "hint" }, "Point at a token, or move through them with Tab and the arrow keys."));
}

function tell(line, text, place, assignments) {
  const parts = assignments.map((one) => element("span", { class: one.dropped ? "choice gone" : "choice" },
    chip(one.expert),
    element("span", { class: "weight" }, shown(one.weight)),
    element("span", { class: "gauge" }, element("i", { style: `width:${Math.min(100, 100 * one.weight)}%` })),
    one.dropped ? element("em", {}, "dropped") : null));
  if (!parts.length) parts.push(element("em", {}, "chosen by no expert"));
  const state = { lost: "no expert processed it", part: "processed in part", whole: "" }[fate(assignments)];
  line.replaceChildren(
    element("b", { class: "glyph" }, VISIBLE[text] ?? text),
    element("span", { class: "place" }, `token ${place + 1}`),
    ...parts,
    element("span", { class: "state" }, state));
}

/** Tokens as a list with one tab stop; assignments: of each token {expert, weight, dropped}. */
function tokenView(tokens, assignments, label, line) {
  const view = element("div", { class: "tokens", role: "listbox", "aria-label": label, "aria-orientation": "horizontal" });
  const all = [];
  let word = element("span", { class: "word" });
  tokens.forEach((text, i) => {
    const own = assignments[i];
    const token = element("span", {
      class: `token ${own.length ? lookOf(own[0].expert) : "none"} ${fate(own)}`,
      role: "option", tabindex: i ? -1 : 0, "aria-selected": "false", "aria-label": said(text, own), "data-index": i,
    }, element("span", { class: "glyph" }, VISIBLE[text] ?? text),
    element("span", { class: "number" }, own.length ? String(own[0].expert) : "·"));
    all.push(token);
    word.append(token);
    if (/\s$/.test(text) || text.startsWith("<|")) {
      view.append(word);
      word = element("span", { class: "word" });
    }
  });
  view.append(word);
  const point = (event) => {
    const token = event.target.closest(".token");
    if (!token) return;
    const i = Number(token.dataset.index);
    line.pointed?.setAttribute("aria-selected", "false");
    line.pointed = token;
    token.setAttribute("aria-selected", "true");
    tell(line, tokens[i], i, assignments[i]);
  };
  view.addEventListener("pointerover", point);
  view.addEventListener("focusin", point);
  view.addEventListener("click", (event) => {
    const token = event.target.closest(".token");
    if (!token) return;
    for (const other of all) other.tabIndex = -1;
    token.tabIndex = 0;
    token.focus();
  });
  roving(view, () => all);
  return view;
}

/** Dim all tokens but those whose first choice is an expert; null for none dimmed. */
function spotlight(view, expert, assignments) {
  for (const token of view.querySelectorAll(".token")) {
    const own = assignments[Number(token.dataset.index)];
    token.classList.toggle("dim", expert !== null && !(own.length && own[0].expert === expert));
  }
}

/** How to read the marks. */
function key() {
  const sample = (kind, text) => element("span", {}, element("span", { class: `token hue2 pattern0 ${kind}` },
    element("span", { class: "glyph" }, "a"), element("span", { class: "number" }, "2")), ` ${text}`);
  return element("p", { class: "key" },
    sample("whole", "number and colour: its first choice"),
    sample("part", "some of its choices dropped"),
    sample("lost", "no expert processed it"));
}
