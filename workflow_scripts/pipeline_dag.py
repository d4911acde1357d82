"""Draw the pipeline: the files of rules, what they hold, and which needs which."""

import json
import re
from pathlib import Path

from moe_core.errors import StudyError
from moe_core.figures.typeset import escape
from moe_core.provenance import write_atomic
from workflow_scripts.command import parser, path_argument, run

NODE = re.compile(r"^\s*(\w+)\[(\w+)\]$", re.M)
EDGE = re.compile(r"^\s*(\w+) --> (\w+)$", re.M)
NAMED = 4  # rules that a box names
WIDTH_MM, HEIGHT_MM = 150, 58
Edges = set[tuple[str, str]]


def read_graph(path: Path) -> tuple[list[str], Edges]:
    """Rules, and (needed, needing) pairs, of a graph in Mermaid's notation."""
    text = path.read_text(encoding="utf-8")
    rules = dict(NODE.findall(text))
    if not rules:
        raise StudyError(str(path), "holds no rules", "run `make docs`")
    return list(rules.values()), {(rules[a], rules[b]) for a, b in EDGE.findall(text)}


def reach(edges: Edges) -> Edges:
    """All pairs joined by a path."""
    found = set(edges)
    while more := {(a, d) for a, b in found for c, d in found if b == c} - found:
        found |= more
    return found


def merged(files: dict[str, str], edges: Edges) -> dict[str, str]:
    """The box of each rule: its file, or several where those need one another."""
    closed = reach({(files[a], files[b]) for a, b in edges})
    return {
        rule: ", ".join(
            sorted({own, *(other for a, other in closed if a == own and (other, own) in closed)})
        )
        for rule, own in files.items()
    }


def between(boxes: dict[str, str], edges: Edges) -> Edges:
    """Needs between boxes that no chain of others implies."""
    direct = {(boxes[a], boxes[b]) for a, b in edges if boxes[a] != boxes[b]}
    closed = reach(direct)
    return {
        (a, b)
        for a, b in direct
        if not any((a, c) in closed and (c, b) in closed for _, c in direct)
    }


def columns(boxes: set[str], edges: Edges) -> dict[str, int]:
    """Each box's place from the left: the longest chain of needs before it."""
    place = dict.fromkeys(boxes, 0)
    for _ in boxes:
        for a, b in edges:
            place[b] = max(place[b], place[a] + 1)
    return place


def heights(place: dict[str, int], edges: Edges) -> dict[str, float]:
    """Each box's height, mm: beside what it needs where its column is its own, else spread."""
    height: dict[str, float] = {}
    for column in range(max(place.values()) + 1):
        wanted = {}
        for box in sorted(box for box in place if place[box] == column):
            before = [height[a] for a, b in edges if b == box]
            wanted[box] = sum(before) / len(before) if before else 0.0
        if len(wanted) == 1:
            height |= wanted
            continue
        for row, box in enumerate(sorted(wanted, key=lambda box: -wanted[box])):
            height[box] = HEIGHT_MM * (0.5 - (row + 0.5) / len(wanted))
    return height


def picture(files: dict[str, str], edges: Edges) -> str:
    """TikZ of the boxes in their columns. files: of each rule that writes something."""
    boxes = merged(files, edges)
    arrows = between(boxes, edges)
    place = columns(set(boxes.values()), arrows)
    height = heights(place, arrows)
    step = WIDTH_MM / max(1, max(place.values()))
    names = {box: f"box{number}" for number, box in enumerate(sorted(place))}
    lines = []
    for box in sorted(place):
        rules = sorted(rule for rule in boxes if boxes[rule] == box)
        shown = [rule.replace("_", " ") for rule in rules[:NAMED]]
        more = [f"+ {len(rules) - NAMED} more"] if len(rules) > NAMED else []
        text = r"\\".join([rf"\textbf{{{escape(box)}}}", *map(escape, shown + more)])
        at = f"{place[box] * step:.1f}mm,{height[box]:.1f}mm"
        lines.append(rf"\node[rules] ({names[box]}) at ({at}) {{{text}}};")
    lines += [
        r"\begin{scope}[on background layer]",
        *(
            rf"\draw[needs] ({names[a]}.east) to[out=0, in=180] ({names[b]}.west);"
            for a, b in sorted(arrows)
        ),
        r"\end{scope}",
    ]
    return "\n".join([r"\begin{tikzpicture}[pipeline]", *lines, r"\end{tikzpicture}", ""])


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--files", required=True, help="JSON: the file of each rule")
    path_argument(arguments, "graph", "out")
    given = arguments.parse_args()
    files = json.loads(given.files)
    rules, edges = read_graph(given.graph)
    known = {rule: files[rule] for rule in rules if rule in files}  # `all` is in none of them
    edges = {(a, b) for a, b in edges if a in known and b in known}
    write_atomic(given.out, picture(known, edges))


if __name__ == "__main__":
    run(main)
