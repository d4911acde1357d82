"""The library without Snakemake: ``python -m moe_core --help``."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from moe_core.errors import StudyError
from moe_core.inference.options import add_options
from moe_core.lineage import trace
from moe_core.routing import registry
from moe_core.runs import canonical
from moe_core.study import Study, load_study


def main() -> None:
    """Parse and run one of the commands below."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `runs | head` is no error
    arguments = argparse.ArgumentParser(prog="python -m moe_core", description=__doc__)
    arguments.add_argument(
        "--config",
        type=Path,
        default=Path("config.yaml"),
        help="configuration file that gives the runs, and the settings of train",
    )
    commands = arguments.add_subparsers(dest="command", required=True)
    commands.add_parser(
        "strategies", help="list the strategies: causal or not, control or not, source"
    )
    commands.add_parser("runs", help="list the runs of the configured study")
    row = commands.add_parser("spec", help="print the canonical row of a run")
    row.add_argument("run")
    commands.add_parser("schema", help="print the configuration reference, in Markdown")
    watched = commands.add_parser("watch", help="show how far the study is, while it runs")
    watched.add_argument(
        "--config",
        dest="settings",
        nargs="+",
        default=[],
        metavar="KEY=VALUE",
        help="changes to the configuration, as they are given to snakemake",
    )
    watched.add_argument("--every", type=float, default=30, help="seconds between lines in a file")
    watched.add_argument("--once", action="store_true", help="show it once")
    train = commands.add_parser("train", help="train a strategy on a file of stories")
    train.add_argument("text", type=Path, help="stories separated by <|endoftext|>, or .jsonl")
    train.add_argument("--strategy", choices=[*registry.names(), "dense"], default="softk")
    train.add_argument("--results", type=Path, help="keep the run there, for export and generate")
    left = commands.add_parser("export", help="write a run as a checkpoint of transformers")
    left.add_argument("run", help="a finished run of a model")
    left.add_argument("folder", type=Path, help="made by this, or empty")
    left.add_argument("--results", type=Path, default=Path("results"))
    add_options(
        commands.add_parser("generate", help="let a finished run write on from prompts, on the CPU")
    )
    exported = commands.add_parser("adapter", help="write a run's adapters as peft lays them out")
    exported.add_argument("run", help="a finished run of adapters")
    exported.add_argument("folder", type=Path, help="adapter_config.json and its tensors go here")
    exported.add_argument("--results", type=Path, default=Path("results"))
    traced = commands.add_parser("trace", help="what a number, file or run of a study came from")
    traced.add_argument("what", help="a number's key, FILE, FILE:LINE of a table, or a run")
    traced.add_argument("--results", type=Path, default=Path("results"))
    given = arguments.parse_args()
    try:
        match given.command:
            case "strategies":
                print_strategies()
            case "runs":
                print(*read_study(given.config).all_runs, sep="\n")
            case "spec":
                print_spec(read_study(given.config), given.run)
            case "schema":
                from moe_core.configuration_reference import reference

                print(reference())
            case "watch":
                from moe_core.watch import watch

                study = read_study(given.config, given.settings)
                with suppress(KeyboardInterrupt):
                    watch(study, Path("results"), given.every, given.once)
            case "train":
                from moe_core.train_file import first_run, train_file

                run = first_run(read_study(given.config), given.strategy)
                summary = train_file(given.text, run, given.results)
                print(json.dumps({"run": summary["run"], **summary["test"]}, indent=1))
            case "export":
                from moe_core.export.export_run import export_run

                export_run(given.run, given.results, given.folder)
            case "generate":
                from moe_core.inference.command import run_generate

                run_generate(given)
            case "adapter":
                from moe_core.adapted_run import export_adapter

                export_adapter(given.run, given.results, given.folder)
            case "trace":
                print(*trace(given.what, given.results), sep="\n")
        sys.stdout.flush()
    except StudyError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except OSError as error:
        if error.filename is not None:  # of a file, and not of what is printed
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the rest goes nowhere
        sys.exit(f"error: cannot print: {error.strerror}")


def read_study(path: Path, settings: Sequence[str] = ()) -> Study:
    """The study of a configuration file, changed by KEY=VALUE. StudyError if it cannot be read."""
    try:
        config = read_yaml(str(path), path.read_text())
    except OSError as error:
        raise StudyError(str(path), error.strerror or str(error)) from None
    if not isinstance(config, dict):
        raise StudyError(str(path), "is not a mapping of keys")
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise StudyError("--config", f"{setting!r} sets nothing", "write KEY=VALUE")
        config = merged(config, {key: read_yaml(key, value)})
    return load_study(config)


def read_yaml(key: str, text: str) -> Any:
    """What YAML says. Raises StudyError under that key."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise StudyError(key, str(error)) from None


def merged(config: Any, changes: Any) -> Any:
    """Changes over a configuration, key by key, as Snakemake merges them."""
    if not isinstance(config, dict) or not isinstance(changes, dict):
        return changes
    return config | {key: merged(config.get(key), value) for key, value in changes.items()}


def print_strategies() -> None:
    """A line a strategy."""
    wide = max(map(len, registry.names()))
    for name in registry.names():
        declared = registry.declaration(name)
        causal = "causal" if declared["causal"] else "not causal"
        control = "control" if declared["control"] else ""
        print(f"{name:{wide}}  {causal:10}  {control:7}  {declared['source']}")


def print_spec(study: Study, run: str) -> None:
    """The JSON that the run's training job gets."""
    if run not in study.all_runs:
        raise StudyError("run", f"{run} is not in this study", "see `python -m moe_core runs`")
    print(canonical(study.all_runs[run]))


if __name__ == "__main__":
    main()
