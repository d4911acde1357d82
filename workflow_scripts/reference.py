"""Store the tables and figures of a finished study, with its manifest, as the reference."""

import json
import shutil

from moe_core.errors import StudyError
from moe_core.provenance import file_sha256
from workflow_scripts.command import parser, path_argument, run

README = "README.md"  # written by hand


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
    for name, digest in manifest["files_sha256"].items():
        if not (results / name).is_file() or file_sha256(results / name) != digest:
            raise StudyError(
                str(results / name), "is not what the manifest says", "run `snakemake all`"
            )
    kept = {given.out / name for name in (README, given.manifest.name, *manifest["files_sha256"])}
    for old in [path for path in given.out.rglob("*") if path.is_file() and path not in kept]:
        old.unlink()  # of an earlier study
    for name in (given.manifest.name, *manifest["files_sha256"]):
        (given.out / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(results / name, given.out / name)


if __name__ == "__main__":
    run(main)
