"""Write what config.yaml and the citation file say of the slides as TeX."""

import json

import yaml

from moe_core.figures.typeset import escape
from moe_core.provenance import write_atomic
from workflow_scripts.command import parser, path_argument, run


def settings(slides: dict, citation: dict) -> str:
    r"""\ifshort, and macros for authors, course and link that are empty where there is none."""
    return "\n".join(
        [
            r"\newif\ifshort",
            rf"\short{'true' if slides['form'] == 'short' else 'false'}",
            rf"\def\talkauthors{{{', '.join(map(escape, slides['authors']))}}}",
            rf"\def\talkcourse{{{escape(slides['course'])}}}",
            rf"\def\talklink{{{citation.get('repository-code', '')}}}",  # \url takes it as it is
            "",
        ]
    )


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--slides", required=True, help="canonical JSON of the key slides")
    path_argument(arguments, "citation", "out")
    given = arguments.parse_args()
    citation = yaml.safe_load(given.citation.read_text(encoding="utf-8"))
    write_atomic(given.out, settings(json.loads(given.slides), citation))


if __name__ == "__main__":
    run(main)
