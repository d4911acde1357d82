// Elements and numbers as text.
"use strict";

/** An HTML element with attributes (null: left out; on…: a listener) and children. */
function element(name, attributes = {}, ...children) {
  return filledElement(document.createElement(name), attributes, children);
}

/** The same of SVG. */
function svg(name, attributes = {}, ...children) {
  return filledElement(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function filledElement(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** A drop-down list with its label; options are [value, text] pairs. */
function picker(id, label, options, value, change) {
  const list = element("select", { id, onchange: () => change(list.value) });
  for (const [key, text] of options) {
    list.append(element("option", { value: key, selected: String(key) === String(value) }, text));
  }
  return element("label", { class: "picker", for: id }, element("span", {}, label), list);
}

/** Choices side by side, of which one is taken; arrow keys move between them. */
function choices(name, label, options, value, change) {
  const group = element("fieldset", { class: "picker" }, element("legend", {}, label));
  const row = element("div", { class: "choices" });
  for (const [key, text] of options) {
    const checked = String(key) === String(value);
    const input = element("input", { type: "radio", name, value: key, checked, onchange: () => change(key) });
    row.append(element("label", {}, input, element("span", {}, text)));
  }
  group.append(row);
  return group;
}

/** Digits to show of a measure, an em dash where there is none. */
function shown(value, digits = 3) {
  return value === null || !Number.isFinite(value) ? "—" : value.toFixed(digits).replace("-", "−");
}

/** A whole number with thin spaces between thousands. */
function whole(value) {
  return String(value).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

function percent(value, digits = 1) {
  return Number.isFinite(value) ? `${(100 * value).toFixed(digits)}\u202f%` : "—";
}

/** A figure with its name, and a remark below it. */
function tile(id, name, value, remark) {
  return element("div", { class: "tile" },
    element("dt", {}, name),
    element("dd", { id }, value),
    element("dd", { class: "remark" }, remark));
}

/** One line that stands where something is missing. */
function missing(text) {
  return element("p", { class: "missing" }, text);
}

/** Arrow keys, Home and End move the one tab stop within a row of elements. */
function roving(container, find) {
  container.addEventListener("keydown", (event) => {
    const all = find(), here = all.indexOf(document.activeElement);
    const to = { ArrowRight: here + 1, ArrowDown: here + 1, ArrowLeft: here - 1, ArrowUp: here - 1, Home: 0, End: all.length - 1 }[event.key];
    if (here < 0 || to === undefined) return;
    event.preventDefault();
    const next = all[Math.min(Math.max(to, 0), all.length - 1)];
    all[here].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
}
