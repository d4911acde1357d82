"""Draw how each strategy of the study routes a few tokens: its own rule, run on an example."""

import math

from moe_core.figures.order import is_control, order
from moe_core.figures.routing_example import EXPERTS, TOKENS, example_steps, example_top_k
from moe_core.figures.typeset import escape
from moe_core.provenance import write_atomic
from moe_core.routing import registry
from workflow_scripts.command import parser, path_argument, run

ROWS = 3  # of a page, as long as the panels stay wide enough
MOST_COLUMNS = 6
PANEL_CM, STEP_CM, HEIGHT_CM, BETWEEN_CM = 2.5, 2.05, 0.9, 0.6  # width, height with text, edges
LEARNS_BY = {"task": "the task", "balance": "balance alone", "none": "nothing"}


def panel(name: str, x: float, y: float) -> str:
    """One strategy at (x, y), cm: tokens above, experts below, an edge an assignment.

    A thick edge has a large combine weight; dashed ones are beyond capacity.
    """
    declared, lines = registry.declaration(name), []
    tokens = [x + PANEL_CM * (i + 0.5) / TOKENS for i in range(TOKENS)]
    experts = [x + PANEL_CM * (i + 0.5) / EXPERTS for i in range(EXPERTS)]
    steps = example_steps(name)
    for step, routing in enumerate(steps):
        weights = routing.weight_A.tolist()
        for token, expert, weight, kept in zip(
            routing.token_A.tolist(),
            routing.expert_A.tolist(),
            weights,
            routing.kept_A.tolist(),
            strict=True,
        ):
            width = 0.3 + 0.9 * weight / max(weights)
            style = f"kept, line width={width:.2f}pt" if kept else "beyond"
            later = ", later" if step else ""
            lines.append(
                rf"\draw[{style}{later}] ({tokens[token]:.3f},{y:.3f}) -- "
                rf"({experts[expert]:.3f},{y - HEIGHT_CM:.3f});"
            )
    lines += [rf"\node[token] at ({t:.3f},{y:.3f}) {{}};" for t in tokens]
    lines += [rf"\node[expert] at ({e:.3f},{y - HEIGHT_CM:.3f}) {{}};" for e in experts]
    notes = [f"k = {example_top_k(name)}", f"learns by {LEARNS_BY[declared['router_gradient']]}"]
    ahead = "" if declared["causal"] else r"\\\textbf{reads ahead}"
    middle = x + PANEL_CM / 2
    lines.append(
        rf"\node[panel title] at ({middle:.3f},{y + 0.12:.3f}) {{{escape(declared['label'])}}};"
    )
    below = y - HEIGHT_CM - 0.12
    note = ", ".join(notes) + ahead
    lines.append(rf"\node[panel note] at ({middle:.3f},{below:.3f}) {{{note}}};")
    return "\n".join(lines)


def panels(names: list[str]) -> str:
    """A TikZ picture with a panel a strategy, in drawing order."""
    columns = min(MOST_COLUMNS, max(4, math.ceil(len(names) / ROWS)))
    placed = [
        panel(name, i % columns * (PANEL_CM + BETWEEN_CM), -(i // columns) * STEP_CM)
        for i, name in enumerate(names)
    ]
    return "\n".join([r"\begin{tikzpicture}[routing panels]", *placed, r"\end{tikzpicture}", ""])


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--names", nargs="+", required=True, help="strategies of the study")
    path_argument(arguments, "out")
    given = arguments.parse_args()
    shown = [name for name in order(given.names) if not is_control(name)]
    write_atomic(given.out, panels(shown))


if __name__ == "__main__":
    run(main)
