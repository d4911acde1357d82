// A trace that `python -m moe_core generate … --trace FILE` wrote, read from disk by this page alone.
"use strict";

/** What a file holds, checked. Throws an Error that tells in one line what is wrong with it. */
function readTrace(text) {
  let trace;
  try {
    trace = JSON.parse(text);
  } catch {
    throw new Error("it is not JSON");
  }
  const { stories, arms } = trace ?? {};
  const lists = Array.isArray(stories) && stories.length && stories.every((story) =>
    Array.isArray(story?.tokens) && story.tokens.every((token) => typeof token === "string"));
  const arm = arms?.[0];
  if (!lists || typeof arm?.run !== "string" || !Array.isArray(arm.parts) || !arm.parts.length || !arm.parts.every(Boolean)) {
    throw new Error("it has no texts with a run that wrote them");
  }
  const parts = arm.parts.map(({ layer, step, stories: packed }) => ({ layer, step, texts: stories.map((story, i) => {
    const assignments = tryUnpacked(packed?.[i]);
    if (!Number.isInteger(layer) || !Number.isInteger(step) || assignments?.length !== story.tokens.length) {
      throw new Error(`experts of layer ${layer} and tokens of text ${i + 1} do not fit together`);
    }
    return assignments;
  }) }));
  return { run: arm.run, texts: stories.map((story) => story.tokens), parts };
}

/** Assignments of a packed text; null where it is none. */
function tryUnpacked(packed) {
  try {
    const assignments = unpacked(packed);
    return assignments.flat().every((one) => Number.isFinite(one.expert + one.weight)) ? assignments : null;
  } catch {
    return null;
  }
}

function showTrace(section) {
  const remark = element("p", { class: "missing", id: "trace-remark", role: "status" }), result = element("div", { id: "traced" });
  let latest;
  const open = async (file) => {
    if (!file) return;
    latest = file;
    remark.textContent = "";
    result.replaceChildren();
    try {
      const text = await file.text();
      if (file === latest) drawTrace(result, readTrace(text), 0, 0);
    } catch (error) {
      if (file === latest) remark.textContent = `${file.name} cannot be shown: ${error.message}.`;
    }
  };
  // emptied before each choice, or the same file, changed meanwhile, would be no change
  const input = element("input", { type: "file", id: "trace-file", accept: ".json,application/json",
    onclick: () => { input.value = ""; }, onchange: () => open(input.files[0]) });
  const drop = element("article", { class: "card", ondragover: (event) => event.preventDefault(), ondrop: (event) => {
    event.preventDefault();
    open(event.dataTransfer.files[0]);
  } },
    element("h2", {}, "Open a trace"), element("p", {}, "Choose a file that ", element("code", {}, "python -m moe_core generate … --trace FILE"), " wrote, or drop it here. It is read by this page and goes nowhere."),
    element("label", { class: "picker", for: "trace-file" }, element("span", {}, "Trace"), input), remark);
  section.replaceChildren(drop, result);
}

function drawTrace(result, trace, part, text) {
  const again = (changes) => {
    const { name } = document.activeElement, next = { part, text, ...changes };
    drawTrace(result, trace, Number(next.part), Number(next.text));
    if (name) result.querySelector(`[name="${name}"]:checked`)?.focus();
  };
  const layers = trace.parts.map((one, i) => [i, partName(one, trace.parts)]);
  const texts = trace.texts.map((_, i) => [i, String(i + 1)]);
  const line = readout(), tokens = trace.texts[text];
  result.replaceChildren(
    element("div", { class: "pickers" },
      choices("trace-layer", "Layer", layers, part, (value) => again({ part: value })),
      choices("trace-text", "Text", texts, text, (value) => again({ text: value }))),
    element("article", { class: "card story" }, element("h2", {}, "Tokens"), line,
      tokenView(tokens, trace.parts[part].texts[text], `Text ${text + 1}, tokens by expert`, line), key(),
      element("p", { class: "caption" }, `${whole(tokens.length)} tokens, read and written by ${trace.run}.`)));
}
