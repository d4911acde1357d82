"""Generated pages, pins and floors stay in step with their sources."""

import ast
import json
import re
import tomllib
from pathlib import Path

import pandas as pd
import pytest
import yaml

from moe_core.configuration_reference import reference
from moe_core.provenance import file_sha256
from moe_core.study import load_study
from workflow_scripts.reference import tables_and_figures

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "results/reference"


def test_configuration_page_is_the_schemas():
    page = (ROOT / "docs/configuration.md").read_text()
    assert page == reference() + "\n", "run `make docs`"


def test_rule_graph_has_every_rule_that_writes_something():
    page = (ROOT / "docs/rulegraph.md").read_text()
    for path in (ROOT / "rules").glob("*.smk"):
        rules = re.split(r"^(?=rule |use rule )", path.read_text(), flags=re.M)[1:]
        for rule in (r for r in rules if "\n    output:\n" in r):
            name = re.match(r"(?:use rule \w+ as|rule) (\w+)", rule)[1]
            asked_for = name in ("questions", "export")  # by a configuration, or by a run's name
            assert asked_for or f"[{name}]" in page, f"{name}: run `make docs`"


def test_every_scale_of_the_default_configuration_loads():
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    for scale in config["scales"]:
        study = load_study(config | {"scale": scale})
        assert len(study.unified) == len(set(study.unified))


def test_pins_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    pins = {p.lower() for p in project["project"]["dependencies"]}
    assert all("==" in p for p in [*pins, *project["dependency-groups"]["dev"]])
    conda = yaml.safe_load((ROOT / "envs/bench.yaml").read_text())["dependencies"][-1]["pip"]
    assert set(conda) == {p for p in pins if not p.startswith("snakemake")}
    locked = {x.lower() for x in (ROOT / "requirements.lock").read_text().splitlines()}
    assert pins <= locked


@pytest.mark.parametrize("page", ["README.md", "results/reference/README.md"])
def test_pages_say_whether_the_reference_models_are_undertrained(page):
    cells = pd.read_csv(ROOT / "results/reference/unified/aggregate.csv").set_index("cell")
    behind = (cells.bits_per_byte.drop("ngram5") > cells.bits_per_byte["ngram5"]).all()
    words = " ".join((ROOT / page).read_text().split())
    assert bool(re.search(r"models are (all )?behind (its|the) 5-gram control", words)) == behind


def test_reference_holds_the_files_of_its_manifest():
    manifest = json.loads((REFERENCE / "manifest.json").read_text())
    digests = tables_and_figures(manifest["files_sha256"])
    files = {p.relative_to(REFERENCE).as_posix() for p in REFERENCE.rglob("*") if p.is_file()}
    assert files == {"README.md", "manifest.json", *digests}
    assert {name: file_sha256(REFERENCE / name) for name in digests} == digests


def test_reference_draws_the_rates_that_its_tuning_chose():
    cells = pd.read_csv(REFERENCE / "learning_rate/aggregate.csv")
    routed = cells[cells.valid_bits_per_byte.notna()]
    best = routed.loc[routed.groupby(["strategy", "ffn_hidden"]).valid_bits_per_byte.idxmin()]
    chosen = pd.read_csv(REFERENCE / "learning_rate/choice.csv")
    key = ["strategy", "ffn_hidden"]
    pd.testing.assert_series_equal(
        best.set_index(key).learning_rate,
        chosen.set_index(key).best_learning_rate.sort_index(),
        check_names=False,
    )


# what runs code that stands in data
UNSAFE_MODULES = {"pickle", "cPickle", "dill", "joblib", "marshal", "shelve", "cloudpickle"}
UNSAFE_CALLS = {
    "eval",
    "exec",
    "torch.load",
    "pd.read_pickle",
    "yaml.load",
    "os.system",
    "os.popen",
}
UNSAFE_OPTIONS = {"allow_pickle", "trust_remote_code", "shell"}
# its loader is a SafeLoader
SAFE = {("moe_core/configuration_file.py", "yaml.load")}


def unsafe(source: str) -> set[str]:
    """Names in a module by which data could become code."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                found |= {alias.name for alias in names} & UNSAFE_MODULES
            case ast.ImportFrom(module=module):
                found |= {module} & UNSAFE_MODULES
            case ast.Call(func=function, keywords=keywords):
                found |= {ast.unparse(function)} & UNSAFE_CALLS
                found |= {str(keyword.arg) for keyword in keywords} & UNSAFE_OPTIONS
    return found


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("torch.load(path)", "torch.load"),
        ("np.load(path, allow_pickle=True)", "allow_pickle"),
        ("load_dataset(name, trust_remote_code=True)", "trust_remote_code"),
        ("from pickle import loads", "pickle"),
        ("subprocess.run(line, shell=True)", "shell"),
    ],
)
def test_what_is_unsafe_is_seen(source, name):
    assert unsafe(source) == {name}


def test_data_never_becomes_code():
    for folder in ("moe_core", "workflow_scripts"):
        for path in (ROOT / folder).rglob("*.py"):
            name = path.relative_to(ROOT).as_posix()
            assert {u for u in unsafe(path.read_text()) if (name, u) not in SAFE} == set(), name


def test_names_reach_a_shell_quoted():
    numbers = {"threads", "params.trials", "params.tokens_recorded", "params.factors"}
    numbers.add("resources.checkpoint_seconds")
    ours = {*numbers, "params.smoke", "params.code", "params.script", "resources.on_devices"}
    for path in (ROOT / "rules").glob("*.smk"):
        for command in re.findall(r"^    shell:\n((?:        .*\n)+)", path.read_text(), re.M):
            for name in re.findall(r"\{([^{}]+)\}", command):
                assert name in ours or name.endswith(":q"), command
