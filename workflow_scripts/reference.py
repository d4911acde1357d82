"""Store the tables and figures of a finished study, with its manifest, as the reference."""

import json
import shutil

from moe_core.errors import StudyError
from moe_core.provenance import file_sha256
from workflow_scripts.command import parser, path_argument, run

README = "README.md"  # written by hand


def tables_and_figures(files_sha256: dict[str, str]) -> dict[str, str]:
    """Digests of what is stored, by path in the results: what is of no single run or benchmark."""
    return {
        name.removeprefix("results/"): digest
        for name, digest in files_sha256.items()
        if name.endswith((".csv", ".png"))
        and name.count("/") == 2
        and not name.startswith("results/compute/")
    }


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "manifest", "out")
    given = arguments.parse_args()
    if not given.manifest.is_file():
        raise StudyError(str(given.manifest), "no such file", "run `snakemake all` first")
    manifest = json.loads(given.manifest.read_text())
    if manifest["configuration"]["scale"]["smoke"]:
        raise StudyError(str(given.manifest), "a smoke run is no reference", "give another scale")
    results = given.manifest.parent
    stored = tables_and_figures(manifest["files_sha256"])
    for name, digest in stored.items():
        if not (results / name).is_file() or file_sha256(results / name) != digest:
            raise StudyError(
                str(results / name), "is not what the manifest says", "run `snakemake all`"
            )
    kept = {given.out / name for name in (README, given.manifest.name, *stored)}
    for old in [path for path in given.out.rglob("*") if path.is_file() and path not in kept]:
        old.unlink()  # of an earlier study
    for name in (given.manifest.name, *stored):
        (given.out / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(results / name, given.out / name)


if __name__ == "__main__":
    run(main)
