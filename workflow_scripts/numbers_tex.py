r"""Turn the numbers into TeX macros, typeset by unit: \val{key}."""

import json

from moe_core.figures.typeset import typeset
from moe_core.provenance import write_atomic
from workflow_scripts.command import parser, path_argument, run


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "json", "out")
    arguments.add_argument("--smoke", choices=["true", "false"], required=True)
    given = arguments.parse_args()
    numbers = json.loads(given.json.read_text())["numbers"]
    lines = [rf"\smoke{given.smoke}"]
    for key, number in numbers.items():
        text = typeset(number["value"], number["unit"])
        lines.append(rf"\expandafter\def\csname val@{key}\endcsname{{{text}}}")
        if number["n"] is not None:
            ends = (typeset(number[end], number["unit"]) for end in ("low", "high"))
            none = "(none)" if number["value"] is None else "(none: one seed)"
            interval = f"[{', '.join(ends)}]" if number["n"] > 1 else none
            lines.append(rf"\expandafter\def\csname val@{key}/interval\endcsname{{{interval}}}")
    write_atomic(given.out, "\n".join(lines) + "\n")


if __name__ == "__main__":
    run(main)
