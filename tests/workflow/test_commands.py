"""The workflow as a user meets it: lists, documented rules, mistakes that end in one line."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


def test_every_rule_has_a_line_of_documentation(finished):
    listed = finished.snakemake("--list-rules").stdout
    text = "".join(p.read_text() for p in [ROOT / "Snakefile", *(ROOT / "rules").glob("*.smk")])
    names = re.findall(r"^(?:rule|use rule \w+ as) (\w+)", text, re.M)
    assert len(names) > 20
    for name in names:
        assert re.search(rf"^{name} \(\S.+\.\)$", listed, re.M), name


def test_every_rule_with_a_script_is_named_like_it():
    for path in (ROOT / "rules").glob("*.smk"):
        for name, body in re.findall(
            r"^rule (\w+):\n(.*?)(?=^rule |\Z)", path.read_text(), re.M | re.S
        ):
            for script in re.findall(r"workflow_scripts\.(\w+)", body):
                assert script == name
                assert (ROOT / "workflow_scripts" / f"{script}.py").exists()


@pytest.mark.parametrize(
    ("mistake", "line"),
    [
        (
            "scale=quik",
            "config error: scale: unknown value 'quik' (did you mean 'quick'?); allowed: quick",
        ),
        (
            "corpus={sorce: files}",
            "config error: corpus.sorce: unknown key (did you mean 'source'?)",
        ),
        (
            "tokenizer={kind: pretrained, pretrained: {name: no/such.json}}",
            "config error: tokenizer.pretrained.name: no file 'no/such.json'",
        ),
        (
            "corpus={source: files, files: {paths: [report]}}",
            "config error: corpus.files.paths: 'report' is a folder; write report/*.txt",
        ),
        (
            "corpus={source: files, files: {paths: [nowhere/*.txt]}}",
            "config error: corpus.files.paths: no file matches 'nowhere/*.txt'",
        ),
    ],
)
def test_a_mistake_ends_in_one_line_before_any_job(finished, mistake, line):
    done = finished.snakemake("-n", "--config", mistake)
    assert done.returncode != 0
    assert line in done.stdout
    assert "Traceback" not in done.stdout
    assert "rule " not in done.stdout


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "is empty"),
        (b"One day\xff\xfe", "is not UTF-8"),
        (b"One story and nothing that ends it.", "no separator <|endoftext|> found"),
        (b"One.<|endoftext|>Two.<|endoftext|>", "split has no story"),
    ],
)
def test_bad_text_stops_with_one_line_and_leaves_nothing(finished, tmp_path, content, line):
    text = tmp_path / "stories.txt"
    text.write_bytes(content)
    setting = f"corpus={{source: files, files: {{paths: ['{text}']}}}}"
    done = finished.snakemake("--cores", "1", "data", "--config", setting)
    assert done.returncode != 0
    errors = [x for x in done.stdout.splitlines() if x.startswith("error: corpus")]
    assert len(errors) == 1
    assert line in errors[0]
    assert "Traceback" not in done.stdout
    folder = finished.folder / "results/data/files"
    assert not folder.exists() or not list(folder.iterdir())


def test_own_text_goes_through(finished, tmp_path):
    stories = [f"Story {i}. The cat number {i} sat on mat {i * 7}." for i in range(200)]
    (tmp_path / "a b.txt").write_text("\n<|endoftext|>\n".join(stories))
    setting = f"corpus={{source: files, files: {{paths: ['{tmp_path}/*.txt']}}}}"
    bpe = "tokenizer={kind: bpe, bpe: {vocab_size: 300}}"
    done = finished.snakemake("--cores", "1", "data", "--config", setting, bpe)
    assert done.returncode == 0, done.stdout[-2000:]
    meta = yaml.safe_load(finished.read("results/tokens/files-bpe300/meta.json"))
    assert sum(split["stories"] for split in meta["splits"].values()) == 200
    assert meta["vocab_size"] <= 300


def test_snakemakes_own_report(finished):
    done = finished.snakemake("--report", "report.html", "unified")
    assert done.returncode == 0, done.stdout[-2000:]
    page = finished.read("report.html")
    assert "Bits per byte on test stories against training tokens per second" in page
