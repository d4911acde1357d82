"""What made these results: configuration, environments of the runs, digests of what came out."""

import json
from collections import Counter
from pathlib import Path

from moe_core.provenance import canonical_json, file_sha256, write_atomic
from workflow_scripts.command import parser, path_argument, run


def environments(summaries: list[dict]) -> list[dict]:
    """Each environment that runs were trained in, with their number, most runs first."""
    kept = ("commit", "dirty", "python", "packages", "cpu")
    counted = Counter(
        canonical_json({key: s["environment"][key] for key in kept} | {"process": s["process"]})
        for s in summaries
    )
    return [json.loads(text) | {"runs": runs} for text, runs in counted.most_common()]


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--configuration", type=json.loads, required=True)
    arguments.add_argument("--files", type=Path, nargs="+", required=True, help="to be digested")
    arguments.add_argument("--runs", type=Path, nargs="+", required=True, help="summary.json files")
    arguments.add_argument("--meta", type=Path, nargs="+", required=True, help="of the tokens")
    path_argument(arguments, "out")
    given = arguments.parse_args()
    splits = {path.parent.name: json.loads(path.read_text())["splits"] for path in given.meta}
    manifest = {
        "configuration": given.configuration,
        "environments": environments([json.loads(path.read_text()) for path in given.runs]),
        "tokens_sha256": {
            tokens: {name: split["sha256"] for name, split in by_name.items()}
            for tokens, by_name in splits.items()
        },
        "files_sha256": {
            str(path.relative_to(given.out.parent)): file_sha256(path) for path in given.files
        },
    }
    write_atomic(given.out, json.dumps(manifest, indent=1) + "\n")


if __name__ == "__main__":
    run(main)
