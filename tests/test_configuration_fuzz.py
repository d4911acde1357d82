"""Whatever stands in config.yaml, it loads or is refused in one line that names the place."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_core.errors import StudyError
from moe_core.runs import canonical
from moe_core.study import load_study
from tests.configurations import both, changed, put
from tests.malformed import malformed, names_the_place


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 2**32))
def test_one_mistake_is_told_in_one_line_or_is_none(seed: int) -> None:
    mistake = malformed(seed)
    try:
        study = load_study(mistake.config)
    except StudyError as error:
        line = str(error)
        assert line.isprintable()
        assert len(line) < 1500
        assert names_the_place(line, mistake)
    else:
        assert all(canonical(spec) for spec in study.runs.values())


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("scales.quick.training.learning_rate", 1e308, "1e+308 is wrong: allowed is from 1e-12 to"),
        ("scales.quick.seeds", [0, 10**30], "allowed is from 1e-12 to 1e+12"),
        ("experiments.balance.bias_rates", [1e-3, 0.001], "0.001 stands there twice"),
        ("scales.quick.sweep.timed", ["larger", "larger"], "'larger' stands there twice"),
        ("scales.quick.model", "x" * 5000, "x… is wrong: a group of keys belongs here"),
        ("device", "\x1b[31m", "unknown value '\\x1b[31m'"),
    ],
)
def test_found_by_fuzzing(path: str, value: object, line: str) -> None:
    with pytest.raises(StudyError) as error:
        load_study(changed(put(path, value)))
    assert str(error.value).startswith(f"{path}: ")
    assert line in str(error.value)


HUB = put("corpus.source", "hub")
PRETRAINED = put("tokenizer.kind", "pretrained")


@pytest.mark.parametrize(
    ("edit", "key", "line"),
    [
        (both(HUB, put("corpus.hub.revision", "main")), "corpus.hub.revision", "'main' is no"),
        (both(HUB, put("corpus.hub.name", "a b")), "corpus.hub.name", "no path here and no name"),
        (
            both(PRETRAINED, put("tokenizer.pretrained.revision", "0123abc")),
            "tokenizer.pretrained.revision",
            "40 hexadecimal digits",
        ),
    ],
)
def test_what_comes_from_the_hub_is_pinned(edit, key: str, line: str) -> None:
    with pytest.raises(StudyError, match=f"^{key}: .*{line}"):
        load_study(changed(edit))


def test_a_local_folder_needs_no_revision(tmp_path) -> None:
    names = both(HUB, put("corpus.hub.name", str(tmp_path)), put("corpus.hub.revision", "main"))
    load_study(changed(names))
    load_study(changed(both(HUB, PRETRAINED)))  # the pins of config.yaml


def test_a_name_of_a_scale_is_plain() -> None:
    def rename(config: dict) -> None:
        config["scales"]["$(touch pwned)"] = config["scales"].pop("quick")
        config["scale"] = "$(touch pwned)"

    with pytest.raises(StudyError, match=r"^scales\.\$\(touch pwned\): a name has letters"):
        load_study(changed(rename))
