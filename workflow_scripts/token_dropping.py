"""Draw which tokens get a slot and which are dropped: top-1 with capacity, run on an example."""

from moe_core.figures.routing_example import (
    CAPACITY_FACTOR,
    EXPERTS,
    TOKENS,
    example_steps,
    example_top_k,
)
from moe_core.provenance import write_atomic
from moe_core.routing.slots import slots_per_expert
from workflow_scripts.command import parser, path_argument, run

STRATEGY = "top1"
WIDTH_CM, SLOT_CM = 1.3, 0.48  # of an expert's column, of a slot


def picture() -> str:
    """A TikZ picture: tokens in order, the slots of each expert, and below them what is dropped."""
    (routing,), top_k = example_steps(STRATEGY), example_top_k(STRATEGY)
    capacity = slots_per_expert(CAPACITY_FACTOR, top_k, TOKENS, EXPERTS)
    chosen = list(
        zip(
            routing.token_A.tolist(),
            routing.expert_A.tolist(),
            routing.kept_A.tolist(),
            strict=True,
        )
    )
    across = WIDTH_CM * (EXPERTS - 1)
    lines = [
        rf"\node[slot token] (t{t}) at ({across * t / (TOKENS - 1):.3f},1.5) {{{t + 1}}};"
        for t in range(TOKENS)
    ]
    for expert in range(EXPERTS):
        x = WIDTH_CM * expert
        lines.append(rf"\node[slot head] (e{expert}) at ({x:.3f},0) {{$E_{expert + 1}$}};")
        lines += [
            rf"\node[slot] at ({x:.3f},{-SLOT_CM * (row + 1):.3f}) {{}};" for row in range(capacity)
        ]
        places = {True: 0, False: capacity}
        for token, _, kept in (c for c in chosen if c[1] == expert):
            places[kept] += 1
            y = -SLOT_CM * places[kept] - (0 if kept else 0.2)
            style = "slot token" if kept else "slot lost"
            lines.append(rf"\node[{style}] at ({x:.3f},{y:.3f}) {{{token + 1}}};")
            edge = "kept" if kept else "beyond"
            lines.append(rf"\draw[{edge}] (t{token}.south) -- (e{expert}.north);")
    lines.append(
        rf"\node[slot note] at ({across / 2:.3f},1.95) {{tokens, in the order of the sequence}};"
    )
    dropped = sum(not kept for *_, kept in chosen)
    lines.append(
        rf"\node[slot sum] at (-0.6,{-SLOT_CM * capacity - 1.0:.3f})"
        rf" {{$C = \lceil c\,k\,T / E \rceil = \lceil {CAPACITY_FACTOR:g} \cdot {top_k} \cdot "
        rf"{TOKENS} / {EXPERTS} \rceil = {capacity}$ slots;\\ {dropped} of {len(chosen)} "
        r"assignments come too late and are dropped};"
    )
    return "\n".join([r"\begin{tikzpicture}[routing panels]", *lines, r"\end{tikzpicture}", ""])


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "out")
    write_atomic(arguments.parse_args().out, picture())


if __name__ == "__main__":
    run(main)
