"""What made these results: configuration, environments, runs, and the job and digest of each file.

Reads the jobs of the study, as planned, from standard input.
"""

import json
import sys
from collections import Counter
from pathlib import Path

from moe_core.provenance import canonical_json, data_digest, file_sha256, write_atomic
from moe_core.runs import cell_name, read_row
from workflow_scripts.command import parser, path_argument, run

CLOCKED = {"throughput", "microbench", "vision_cost"}  # rules that measure time


def environment_of(summary: dict) -> str:
    """The environment that a run was trained in, as canonical JSON."""
    kept = ("commit", "dirty", "python", "packages", "cpu")
    environment = {key: summary["environment"][key] for key in kept}
    return canonical_json(environment | {"process": summary["process"]})


def run_record(summary: dict, environments: list[str]) -> dict:
    """What a run came from; environment: its place in the list."""
    spec = read_row(summary["spec"])
    return {
        "cell": cell_name(spec),
        "seed": spec.seed,
        "spec": data_digest(summary["spec"]),
        "code": summary["code"],
        "tokens": spec.data_name,
        "tokens_sha256": data_digest(summary["tokens_sha256"]),
        "environment": environments.index(environment_of(summary)),
        "status": summary["status"],
    }


def timed_files(jobs: list[dict]) -> set[str]:
    """Files that hold a time or were made from one: these differ from run to run."""
    timed: set[str] = set()
    while True:
        more = {
            file
            for job in jobs
            if job["rule"] in CLOCKED or timed.intersection(job["inputs"])
            for file in job["outputs"]
        }
        if more == timed:
            return timed
        timed = more


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--configuration", type=json.loads, required=True)
    path_argument(arguments, "out")
    given = arguments.parse_args()
    jobs = json.load(sys.stdin)
    files = [file for job in jobs for file in job["outputs"]]
    summaries = [json.loads(Path(f).read_text()) for f in files if f.endswith("/summary.json")]
    meta = [Path(f) for f in files if f.endswith("/meta.json")]
    trained_in = Counter(map(environment_of, summaries)).most_common()
    environments = [text for text, _ in trained_in]
    timed = timed_files(jobs)
    manifest = {
        "configuration": given.configuration,
        "environments": [json.loads(text) | {"runs": runs} for text, runs in trained_in],
        "tokens_sha256": {
            path.parent.name: {
                name: split["sha256"]
                for name, split in json.loads(path.read_text())["splits"].items()
            }
            for path in meta
        },
        "runs": {s["run"]: run_record(s, environments) for s in summaries},
        "jobs": [job | {"timed": not timed.isdisjoint(job["outputs"])} for job in jobs],
        "files_sha256": {file: file_sha256(file) for file in files},
    }
    write_atomic(given.out, json.dumps(manifest, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    run(main)
