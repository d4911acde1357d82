// One run's row of the table of runs: all that its training job was given.
"use strict";

/** Show what the address asks for, or nothing. */
function showRun() {
  const dialog = document.getElementById("run"), id = shownNow.get("run");
  if (id === null) {
    if (dialog.open) dialog.close();
    return;
  }
  const spec = data("runs").specs[id], run = runOf(id);
  const address = location.href;
  const copy = element("button", { type: "button", class: "small", onclick: async () => {
    try {
      await navigator.clipboard.writeText(address);
      copy.textContent = "Copied";
    } catch {
      copy.textContent = "Copy it from the address bar";
    }
  } }, "Copy link");
  const close = element("button", { type: "button", class: "small", onclick: () => dialog.close() }, "Close");
  const state = run ? `${run.name}, seed ${run.seed}: ${run.failure ? `failed, ${run.failure}` : `${shown(run.bits_per_byte)} bits per byte`}` : "";
  dialog.replaceChildren(
    element("header", {}, element("h2", { id: "run-title" }, id), element("div", {}, copy, close)),
    element("p", {}, state),
    spec ? element("pre", { tabindex: 0 }, JSON.stringify(spec, null, 2)) : missing("This study has no such run."));
  if (!dialog.open) dialog.showModal();
}

function startRun() {
  document.getElementById("run").addEventListener("close", () => remember({ run: null }));
  document.getElementById("run").addEventListener("click", (event) => {
    if (event.target === event.currentTarget) event.currentTarget.close();  // beside it
  });
}
