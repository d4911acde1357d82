// What the page carries: JSON in inert blocks, read when first asked for.
"use strict";

const read = new Map();

/** The value of the block of an id. */
function data(id) {
  if (!read.has(id)) read.set(id, JSON.parse(document.getElementById(id).textContent));
  return read.get(id);
}

/** Base64 as a typed array of little-endian numbers. */
function numbers(base64, Kind) {
  return new Kind(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)).buffer);
}

/** Rows of a long table, stored a list a column, for which every named field has its value. */
function rowsWhere(table, wanted) {
  const names = Object.keys(table), fixed = Object.entries(wanted), rows = [];
  for (let i = 0; i < table[names[0]].length; i++) {
    if (fixed.every(([name, value]) => table[name][i] === value)) {
      rows.push(Object.fromEntries(names.map((name) => [name, table[name][i]])));
    }
  }
  return rows;
}

/** A run of the unified experiment by its id. */
function runOf(id) {
  return data("runs").runs.find((run) => run.run === id);
}
