// Light, dark, or what the reader's system asks for.
"use strict";

const THEMES = ["auto", "light", "dark"];

function setTheme(name) {
  const root = document.documentElement, button = document.getElementById("theme");
  if (name === "auto") root.removeAttribute("data-theme");
  else root.setAttribute("data-theme", name);
  button.textContent = `Theme: ${name}`;
  button.dataset.now = name;
  try {
    localStorage.setItem("theme", name);
  } catch { /* pages from disk may have no storage */ }
}

function startTheme() {
  let name = "auto";
  try {
    name = localStorage.getItem("theme");
  } catch { /* the same */ }
  setTheme(THEMES.includes(name) ? name : "auto");
  const button = document.getElementById("theme");
  button.addEventListener("click", () => {
    setTheme(THEMES[(THEMES.indexOf(button.dataset.now) + 1) % THEMES.length]);
  });
}
