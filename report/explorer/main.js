// Views as tabs; each draws itself when it is first shown.
"use strict";

const VIEWS = { routing: showRouting, sentence: showSentence, trace: showTrace, frontier: showFrontier, ledger: showLedger };
const drawnViews = new Set();

function showView(name) {
  for (const view of Object.keys(VIEWS)) {
    const tab = document.getElementById(`tab-${view}`), on = view === name;
    tab.setAttribute("aria-selected", String(on));
    tab.tabIndex = on ? 0 : -1;
    document.getElementById(view).hidden = !on;
  }
  if (drawnViews.has(name)) return;
  drawnViews.add(name);
  VIEWS[name](document.getElementById(name));
}

/** Show what the address asks for. */
function follow() {
  showView(remembered("view", Object.keys(VIEWS)));
  showRun();
}

function start() {
  const { scale, smoke } = data("study"), notice = document.getElementById("scale");
  notice.hidden = false;
  notice.textContent = smoke
    ? `Scale “${scale}”: a smoke test. It shows that everything runs; its ranking means nothing.`
    : `Scale “${scale}”.`;
  notice.classList.toggle("smoke", smoke);
  startTheme();
  startRun();
  const tabs = document.querySelector(".tabs");
  for (const tab of tabs.children) {
    tab.addEventListener("click", () => {
      remember({ view: tab.getAttribute("aria-controls") });
      follow();
    });
  }
  roving(tabs, () => [...tabs.children]);
  tabs.addEventListener("focusin", (event) => event.target.click());
  window.addEventListener("hashchange", () => {
    if (readAddress()) drawnViews.clear();
    follow();
  });
  follow();
}

start();
