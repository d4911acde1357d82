// The ledger: every claim, its verdict and why; narrowed by verdict and by words.
"use strict";

function showLedger(section) {
  const claims = data("claims");
  if (!claims.length) {
    section.replaceChildren(missing("The ledger of this study is empty."));
    return;
  }
  const verdicts = [...new Set(claims.map((claim) => claim.verdict))].sort();
  const wanted = new Set(verdicts);
  const count = element("p", { role: "status", id: "found" });
  const list = element("div", { class: "ledger" });
  const search = element("input", { type: "search", id: "words", placeholder: "e.g. hash, perplexity, C07", oninput: () => draw(), onchange: () => remember({ words: search.value || null }) });
  search.value = shownNow.get("words") ?? "";
  const boxes = verdicts.map((verdict) => {
    const many = claims.filter((claim) => claim.verdict === verdict).length;
    const box = element("input", { type: "checkbox", value: verdict, checked: true, onchange: () => {
      if (box.checked) wanted.add(verdict); else wanted.delete(verdict);
      draw();
    } });
    return element("label", {}, box, element("span", {}, `${verdict.toLowerCase()} ${many}`));
  });
  const draw = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = claims.filter((claim) => {
      const text = `${claim.id} ${claim.sentence} ${claim.source} ${claim.verdict} ${claim.reason ?? ""}`.toLowerCase();
      return wanted.has(claim.verdict) && words.every((word) => text.includes(word));
    });
    count.textContent = `${found.length} of ${claims.length} claims`;
    list.replaceChildren(...found.map(claimCard));
  };
  section.replaceChildren(
    element("div", { class: "pickers" },
      element("label", { class: "picker", for: "words" }, element("span", {}, "Search"), search),
      element("fieldset", { class: "picker" }, element("legend", {}, "Verdict"), element("div", { class: "choices" }, ...boxes))),
    count, list);
  draw();
}

function claimCard(claim) {
  const effect = claim.effect === null ? null : element("p", { class: "effect" },
    `${shown(claim.effect)}`, claim.low === null ? "" : ` (95 % interval ${shown(claim.low)} to ${shown(claim.high)})`,
    ` ${(claim.unit ?? "").replaceAll("_", " ")}`, claim.n === null ? "" : `, n = ${claim.n}`);
  return element("article", { class: "card claim", id: `claim-${claim.id}` },
    element("header", {}, element("b", {}, claim.id), element("span", { class: "verdict", "data-verdict": claim.verdict }, claim.verdict.toLowerCase())),
    element("p", { class: "sentence" }, claim.sentence), effect,
    claim.reason ? element("p", { class: "reason" }, claim.reason) : null,
    element("p", { class: "caption" }, claim.source));
}
