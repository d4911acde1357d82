"""Compile the report, or the slides, in a scratch copy of its sources."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from moe_core.errors import StudyError
from moe_core.provenance import write_atomic
from workflow_scripts.command import parser, path_argument, run

# the same sources give the same bytes; error lines are not cut at 79 columns; files are found in
# any folder of the scratch copy
TEX = {
    "SOURCE_DATE_EPOCH": "0",
    "FORCE_SOURCE_DATE": "1",
    "max_print_line": "1000",
    "TEXINPUTS": ".//:",
}


def compiled(name: str, sources: list[Path], generated: list[Path], log: Path) -> bytes:
    """PDF bytes of ``NAME.tex``. StudyError if TeX fails.

    Generated files lie beside it in folders named as theirs, so ``unified/frontier`` is one of
    several of its name; a name alone will do where there is no other.
    """
    if shutil.which("latexmk") is None:
        raise StudyError(
            name, "latexmk is not installed", "run `make tex`, then `make report` again"
        )
    with tempfile.TemporaryDirectory() as scratch:
        top = next(path.parent for path in sources if path.name == f"{name}.tex")
        for path in sources:
            target = Path(scratch, path.relative_to(top))
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
        for path in generated:
            target = Path(scratch, path.parent.name, path.name)
            target.parent.mkdir(exist_ok=True)
            shutil.copy(path, target)
        with log.open("w") as out:
            done = subprocess.run(
                ["latexmk", "-pdf", "-halt-on-error", "-interaction=nonstopmode", f"{name}.tex"],
                cwd=scratch,
                env=os.environ | TEX,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        pdf = Path(scratch, f"{name}.pdf")
        if done.returncode or not pdf.exists():
            lines = log.read_text(errors="replace").splitlines()
            cause = next((line for line in lines if line.startswith("!")), "no error line found")
            raise StudyError(name, f"TeX stopped: {cause}", f"its log is {log}")
        return pdf.read_bytes()


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--source", type=Path, nargs="+", required=True)
    arguments.add_argument("--generated", type=Path, nargs="+", required=True)
    path_argument(arguments, "pdf", "log")
    given = arguments.parse_args()
    name = given.pdf.stem
    write_atomic(given.pdf, compiled(name, given.source, given.generated, given.log))
    print(f"{name}: {given.pdf}")


if __name__ == "__main__":
    run(main)
