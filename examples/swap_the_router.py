"""Train a tiny language model with two routers, compare them, and take one to transformers.

    python -m examples.swap_the_router FOLDER

Takes about a minute. FOLDER gets the stories, all runs and the exported checkpoint.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd
from transformers import AutoModelForCausalLM, AutoTokenizer

from moe_core.__main__ import read_study
from moe_core.corpus.builtin_stories import builtin_stories
from moe_core.corpus.sources import SEPARATOR
from moe_core.errors import StudyError
from moe_core.export.export_run import export_run
from moe_core.stats.bootstrap import bits_per_byte_difference
from moe_core.train_file import first_run, train_file

ROUTERS, SEEDS = ("softk", "loss_free"), (0, 1)


def main(folder: Path) -> None:
    """Stories, a run a router and seed, the difference between routers, a checkpoint, a text."""
    text, checkpoint = folder / "stories.txt", folder / "checkpoint"
    if checkpoint.exists():
        raise StudyError(str(checkpoint), "is there already", "remove it or name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    text.write_text(SEPARATOR.join(builtin_stories(seed=0, count=600)))
    study, run, stories = read_study(Path("config.yaml"), ["scale=quick"]), {}, {}
    for router in ROUTERS:
        for seed in SEEDS:
            row = first_run(study, router).model_copy(update={"seed": seed})
            summary = train_file(text, row, folder)
            run[router, seed], test = summary["run"], summary["test"]
            stories[router, seed] = pd.read_csv(folder / "runs" / summary["run"] / "stories.csv")
            print(f"{router}: {test['bits_per_byte']:.3f} bits/byte, load CV {test['load_cv']:.2f}")

    a, b = ([stories[router, seed].nats for seed in SEEDS] for router in ROUTERS)
    found = bits_per_byte_difference(a, b, stories[ROUTERS[0], 0].bytes).interval
    print(f"{' less '.join(ROUTERS)}: {found.mean:+.3f} [{found.low:+.3f}, {found.high:+.3f}]")
    export_run(run[ROUTERS[0], 0], folder, checkpoint)
    model = AutoModelForCausalLM.from_pretrained(checkpoint)
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    prompt = tokenizer("One day", return_tensors="pt", return_token_type_ids=False)
    written = model.generate(**prompt, max_new_tokens=60, do_sample=False)[0]
    print(f"{type(model).__name__}: {tokenizer.decode(written, skip_special_tokens=True)}")


if __name__ == "__main__":
    options = argparse.ArgumentParser("python -m examples.swap_the_router")
    options.add_argument("folder", type=Path, metavar="FOLDER")
    try:
        main(options.parse_args().folder)
    except StudyError as error:
        sys.exit(f"error: {error}")
