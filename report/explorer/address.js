// What is shown, kept in the fragment of the address, so that it can be shared.
"use strict";

const shownNow = new URLSearchParams(location.hash.slice(1));

/** Note what is shown now; null forgets a key. */
function remember(changes) {
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) shownNow.delete(key);
    else shownNow.set(key, value);
  }
  history.replaceState(null, "", `#${shownNow}`);
}

/** Address of this page with other things shown. */
function addressOf(changes) {
  return `#${new URLSearchParams({ ...Object.fromEntries(shownNow), ...changes })}`;
}

/** The remembered value if it is one of those allowed, else the first of them. */
function remembered(key, allowed) {
  const value = shownNow.get(key);
  return allowed.map(String).includes(value) ? value : String(allowed[0]);
}

/** Take over the fragment; whether more than the run whose row is shown has changed. */
function readAddress() {
  const before = new URLSearchParams(shownNow);
  for (const key of before.keys()) shownNow.delete(key);
  for (const [key, value] of new URLSearchParams(location.hash.slice(1))) shownNow.set(key, value);
  const after = new URLSearchParams(shownNow);
  for (const one of [before, after]) one.delete("run");
  return String(before) !== String(after);
}
