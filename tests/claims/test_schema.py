"""What a claims file may hold, and what a mistake in it is told."""

from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter

from moe_core.claims.rules import Equivalent, Less, Rule, leaves
from moe_core.claims.schema import load_claims
from moe_core.errors import StudyError

SOFTK = {"experiment": "unified", "strategy": "softk"}
ARMS = {"experiment": "unified"}
LESS = {"kind": "less", "smaller": SOFTK, "larger": SOFTK | {"strategy": "hash"}}
CLAIM = {"id": "C01", "sentence": "s", "source": "p", "doubt": "d", "rule": LESS}
WITHIN = {"kind": "within", "measure": "load_cv", "of": SOFTK}
ORDER = {"kind": "order", "arms": ARMS, "margin": 0.02}
SELECTION = {"arms": ARMS}


def load(folder: Path, content: object) -> list:
    path = folder / "claims.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return load_claims(path)


def test_a_good_file(tmp_path):
    first, second = load(
        tmp_path,
        {"claims": [CLAIM, CLAIM | {"id": "C02", "rule": None, "awaits": "vision"}]},
    )
    assert isinstance(first.rule, Less)
    assert (first.awaits, second.rule, second.awaits) == (None, None, "vision")
    assert load(tmp_path, {"claims": None}) == []


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("claims: [", "is not YAML"),
        ({"claim": []}, "one key belongs here"),
        ([CLAIM], "one key belongs here"),
        ({"claims": [CLAIM, CLAIM]}, ": C01: stands there twice"),
        ({"claims": ["C01"]}, "'C01'"),
        ({"claims": [CLAIM | {"id": "C1"}]}, ": C1.id: 'C1' is wrong"),
    ],
)
def test_a_bad_file(tmp_path, content, line):
    with pytest.raises(StudyError, match="claims.yaml") as caught:
        load(tmp_path, content)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"doubt": ""}, "C01.doubt"),
        ({"verdict": "SUPPORTED"}, "C01.verdict: 'SUPPORTED' is wrong: Extra"),  # never by hand
        ({"rule": None}, "either a rule or the experiment"),
        ({"awaits": "vision"}, "either a rule or the experiment"),
        ({"rule": LESS | {"kind": "greater"}}, "C01.rule"),
        ({"rule": LESS | {"least": -0.1}}, "C01.rule.less.least"),
        ({"rule": LESS | {"measure": "los"}}, "C01.rule.less.measure"),
        ({"rule": LESS | {"smaller": ARMS}}, "an arm names no strategy"),
        ({"rule": LESS | {"smaller": SOFTK | {"stratgy": "a"}}}, "C01.rule.less.smaller.stratgy"),
        ({"rule": LESS | {"smaller": SOFTK | {"experiment": "unifed"}}}, "smaller.experiment"),
        ({"rule": LESS | {"smaller": SOFTK | {"strategy": "sofk"}}}, "unknown strategy 'sofk'"),
        ({"rule": LESS | {"smaller": SOFTK | {"dim": "small"}}}, "smaller.dim"),
        ({"rule": WITHIN}, "a band needs low, high or both"),
        ({"rule": WITHIN | {"low": 1.0, "high": 1.0}}, "low below high"),
        ({"rule": WITHIN | {"low": 2.0, "high": 1.0}}, "low below high"),
        ({"rule": WITHIN | {"low": 2.0, "over": SOFTK, "less": SOFTK}}, "exclude each other"),
        ({"rule": WITHIN | {"low": 0.0, "over": SOFTK}}, "a ratio is positive"),
        ({"rule": {"kind": "all", "of": []}}, "C01.rule.all.of"),
        ({"rule": {"kind": "all", "of": [LESS, WITHIN]}}, "C01.rule.all.of.1.within"),
        ({"rule": {"kind": "each", "strategies": ["softk"], "holds": LESS}}, "each.strategies"),
        ({"rule": ORDER | {"chain": "softk"}}, "C01.rule.order.chain"),
        ({"rule": ORDER | {"chain": "softk > hash"}}, "C01.rule.order.chain"),
        ({"rule": ORDER | {"chain": "softk < hsh"}}, "unknown strategy 'hsh'"),
        ({"rule": ORDER | {"chain": "softk < hash", "arms": SOFTK}}, "alike but for the strategy"),
        ({"rule": ORDER | {"chain": "softk < hash", "margin": 0.0}}, "C01.rule.order.margin"),
    ],
)
def test_a_bad_claim(tmp_path, change, where):
    with pytest.raises(StudyError, match="claims.yaml: C01") as caught:
        load(tmp_path, {"claims": [CLAIM | change]})
    assert where in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_order_is_of_whole_groups():
    chain = "expert_choice ~ softk < hash < top1"
    rule = TypeAdapter(Rule).validate_python(ORDER | {"chain": chain})
    found = [(type(x), *(arm.strategy for arm in x.arms())) for x in leaves(rule)]
    assert found == [
        (Equivalent, "expert_choice", "softk"),
        (Less, "expert_choice", "hash"),
        (Less, "softk", "hash"),
        (Less, "hash", "top1"),
    ]
    assert next(leaves(rule)).margin == 0.02


def test_quantifiers_nest_and_leave_named_arms_and_rankings_alone():
    ranking = {"kind": "concordant", "strategies": ["top1", "hash"], "least": 0.5}
    ranking |= {"first": SELECTION, "second": SELECTION}
    parts = [LESS | {"larger": ARMS}, ranking, WITHIN | {"of": ARMS, "low": 0.0}]
    rule = {"kind": "some", "strategies": ["softk", "coe"], "holds": {"kind": "all", "of": parts}}
    found = [
        [arm.strategy for arm in x.arms()] for x in leaves(TypeAdapter(Rule).validate_python(rule))
    ]
    ranked = ["top1", "hash", "top1", "hash"]
    assert found == [["softk", "softk"], ranked, ["softk"], ["softk", "coe"], ranked, ["coe"]]
