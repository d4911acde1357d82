// Type a sentence and see it routed by the model that the page carries.
"use strict";

const FIRST = "Once upon a time there was a little fox who lived near the river.";

function showSentence(section) {
  const exported = data("model");
  if (exported.failure) {
    section.replaceChildren(missing(`No sentence can be routed here, for the run of the exported model failed: ${exported.failure}.`));
    return;
  }
  const model = loadModel(exported), most = model.most_characters;
  const result = element("div", { id: "routed" });
  const remarks = element("p", { class: "caption", id: "remarks", role: "status" });
  const input = element("textarea", { id: "typed", rows: 2, maxlength: most, spellcheck: "false", oninput: () => draw(), onchange: () => remember({ text: input.value }) });
  input.value = (shownNow.get("text") ?? FIRST).slice(0, most);  // a link knows no limit
  const draw = () => drawSentence(model, input.value, result, remarks);
  const { moe, layers } = model.model;
  section.replaceChildren(
    element("article", { class: "card" },
      element("h2", {}, "Your sentence"),
      element("p", {}, `Each character is routed as you type, in this page, by a small soft top-${moe.top_k} model of this study: ${layers} layers of ${moe.num_experts} experts, without capacity, as when it writes. At most ${most} characters, the length it was trained on.`),
      element("label", { class: "picker", for: "typed" }, element("span", {}, "Sentence"), input),
      remarks, result,
      element("p", { class: "caption" }, element("a", { href: addressOf({ run: model.run }) }, `${model.run}: its configuration`))));
  draw();
}

function drawSentence(model, text, result, remarks) {
  const { characters, ids, unknown } = tokenised(model, text);
  remarks.textContent = unknown.length
    ? `Not in the model's vocabulary, so read as its untrained “unknown” character: ${unknown.map((c) => `“${c}”`).join(" ")}`
    : "Every character is in the model's vocabulary.";
  if (!ids.length) {
    result.replaceChildren(missing("Type something."));
    return;
  }
  const { layers, logits } = routed(model, ids);
  const names = new Map(Object.entries(model.vocabulary).map(([name, id]) => [id, name]));
  const next = softmax(logits).map((p, id) => [p, id]).sort((a, b) => b[0] - a[0]).slice(0, 5);
  const line = readout();
  result.replaceChildren(line,
    ...layers.map((assignments, layer) => element("section", { class: "layer", "data-layer": layer },
      element("h3", {}, `Layer ${layer}`), tokenView(characters, assignments, `Layer ${layer}, characters by expert`, line))),
    element("p", { class: "caption", id: "next" }, "It would go on with ",
      ...next.map(([p, id]) => element("span", {}, element("b", {}, VISIBLE[names.get(id)] ?? names.get(id)), ` ${percent(p, 0)}`))));
}
