"""Small copies of a few figures of the finished study, and of the explorer, for the README."""

import shutil
import subprocess
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image

from moe_core.errors import StudyError
from moe_core.provenance import write_atomic
from workflow_scripts.command import parser, path_argument, run

FIGURES = (
    "unified/frontier_annotated",
    "analysis/expert_load",
    "report/slide_token_routing",
    "analysis/specialisation",
    "analysis/stability",
)
WIDTH = 900  # pixels
COLOURS = 256
PAGE = "explorer/index.html"
WINDOW = (1200, 800)


def small(path: Path) -> bytes:
    """A PNG of few pixels and colours. Raises StudyError where there is no such figure."""
    if not path.is_file():
        raise StudyError(str(path), "no such figure", "run `snakemake all` first")
    with Image.open(path) as figure:
        height = round(figure.height * WIDTH / figure.width)
        reduced = figure.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)
    drawn = BytesIO()
    reduced.quantize(COLOURS).save(drawn, "png", optimize=True)
    return drawn.getvalue()


def photograph(page: Path, out: Path) -> Path:
    """The first view of a page as a PNG, by Debian's chromium. StudyError without one."""
    if shutil.which("chromium") is None:
        raise StudyError("chromium", "is not installed", "run `envs/install.sh browser`")
    size = "{},{}".format(*WINDOW)
    command = ["chromium", "--headless", "--no-sandbox", "--hide-scrollbars"]
    command += [f"--window-size={size}", f"--screenshot={out}", page.resolve().as_uri()]
    subprocess.run(command, check=True, capture_output=True)
    return out


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "results", "out")
    given = arguments.parse_args()
    copies = {Path(name).name: small(given.results / f"{name}.png") for name in FIGURES}
    with tempfile.TemporaryDirectory() as scratch:
        view = photograph(given.results / PAGE, Path(scratch, "explorer.png"))
        copies["explorer"] = small(view)
    given.out.mkdir(parents=True, exist_ok=True)
    for name, png in copies.items():
        write_atomic(given.out / f"{name}.png", png)


if __name__ == "__main__":
    run(main)
