// Marks of strategies, the same as in the printed figures.
"use strict";

function polygon(corners, turn = 0, inner = null) {
  const points = inner ? 2 * corners : corners;
  return Array.from({ length: points }, (_, i) => {
    const angle = ((turn + (360 * i) / points) * Math.PI) / 180, radius = inner && i % 2 ? inner : 1;
    return `${(radius * Math.sin(angle)).toFixed(2)},${(-radius * Math.cos(angle)).toFixed(2)}`;
  }).join(" ");
}

const PLUS = "-.35,-1 .35,-1 .35,-.35 1,-.35 1,.35 .35,.35 .35,1 -.35,1 -.35,.35 -1,.35 -1,-.35 -.35,-.35";
const CORNERS = {
  s: polygon(4, 45), D: polygon(4), "^": polygon(3), v: polygon(3, 180), P: PLUS,
  X: polygon(4, 45, 0.45), p: polygon(5), h: polygon(6), "*": polygon(5, 0, 0.45),
};

/** A strategy's mark about the origin of an SVG, of a radius. */
function mark(strategy, radius) {
  const { color, marker, hollow } = data("runs").looks[strategy];
  const paint = color ?? (strategy === "dense" ? "var(--ink)" : "var(--quiet)");
  const style = `fill:${hollow ? "var(--card)" : paint};stroke:${paint}`;
  if (marker === "o") return svg("circle", { r: radius * 0.85, style, class: "mark" });
  return svg("polygon", { points: CORNERS[marker], transform: `scale(${radius})`, style, class: "mark" });
}
