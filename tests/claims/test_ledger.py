"""All claims as one family, and the command that writes them down."""

import math
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from moe_core.claims.ledger import judge_claims
from moe_core.claims.schema import Claim, load_claims
from moe_core.stats.holm import holm
from workflow_scripts.command import run
from workflow_scripts.ledger import main

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = {
    *("id", "sentence", "source", "verdict", "effect", "low", "high", "unit", "n"),
    *("minimum_detectable_effect", "p_holm", "reason", "previous_verdict", "changed"),
}
C01 = ["expert_choice", "softk", "hash", "topk_hard", "top1"]


def claim(number: int, strategy: str, measure: str = "load_cv", **rule: object) -> dict:
    arms = [{"experiment": "unified", "strategy": s} for s in (strategy, "top1")]
    less = {"kind": "less", "measure": measure, "smaller": arms[0], "larger": arms[1]}
    words = {"sentence": "a sentence", "source": "a page", "doubt": "a doubt"}
    return words | {"id": f"C{number:02d}", "rule": less | rule}


def of(*claims: dict) -> list[Claim]:
    return [Claim.model_validate(c) for c in claims]


@pytest.fixture
def tables(world):
    """softk surely below top1, hash barely (p about 0.02), topk_hard as barely above."""
    world.add("top1", load_cv=[0.5, 0.5, 0.5, 0.5, 0.5])
    world.add("softk", load_cv=[0.300, 0.301, 0.299, 0.300, 0.300])
    barely = [0.02, 0.08, 0.03, 0.10, 0.05]
    world.add("hash", load_cv=[0.5 - x for x in barely])
    world.add("topk_hard", load_cv=[0.5 + x for x in barely])
    world.add("gshard", load_cv=[0.5 + x for x in (0.01, -0.01, 0.02, -0.02, 0.005)])
    return world


def test_alone_each_stands(tables):
    for strategy, verdict in [("hash", "SUPPORTED"), ("topk_hard", "REFUTED")]:
        ((found, p_holm),) = judge_claims(of(claim(1, strategy)), tables.evidence, smoke=False)
        assert found.verdict == verdict
        assert p_holm == pytest.approx(found.p)


def test_in_a_family_only_strong_evidence_does_for_and_against(tables):
    strategies = ["softk", "hash", "topk_hard", "gshard", "hash"]
    claims = of(*(claim(i, s) for i, s in enumerate(strategies)))
    judged = judge_claims(claims, tables.evidence, smoke=False)
    assert [f.verdict for f, _ in judged] == [
        "SUPPORTED",
        "INCONCLUSIVE",
        "INCONCLUSIVE",
        "INCONCLUSIVE",
        "INCONCLUSIVE",
    ]
    assert [p for _, p in judged] == pytest.approx(list(holm([f.p for f, _ in judged])))
    assert judged[1][0].reason.startswith("SUPPORTED alone, but not as one of 5 claims (Holm p = 0")
    assert judged[2][0].reason.startswith("REFUTED alone")
    assert judged[1][0].effect == pytest.approx(-0.056)


def test_equivalence_must_survive_as_well(tables):
    same = claim(9, "gshard", least=0.02)
    ((alone, _),) = judge_claims(of(same), tables.evidence, smoke=False)
    assert alone.verdict == "EQUIVALENT"
    assert alone.p > 0.01
    claims = of(same, *(claim(i, "gshard") for i in range(5)))
    assert judge_claims(claims, tables.evidence, smoke=False)[0][0].verdict == "INCONCLUSIVE"


def test_what_was_not_tested_is_not_in_the_family(tables):
    tables.add("remoe", audited=False, load_cv=[0.1] * 5)
    speed = {"tokens_per_s": 9.0, "tokens_per_s_min": 8.0, "tokens_per_s_max": 10.0}
    for rows in tables.rows.values():
        for row in rows:
            row |= speed if row["strategy"] == "top1" else {k: v / 2 for k, v in speed.items()}
    waiting = claim(3, "softk") | {"rule": None, "awaits": "vision"}
    half_untested = {"kind": "all", "of": [claim(0, s)["rule"] for s in ("softk", "remoe")]}
    claims = of(
        claim(1, "hash"),
        claim(2, "remoe"),
        waiting,
        claim(4, "softk", measure="tokens_per_s"),
        claim(5, "softk") | {"rule": half_untested},
    )
    judged = judge_claims(claims, tables.evidence, smoke=False)
    verdicts = [f.verdict for f, _ in judged]
    assert verdicts == ["SUPPORTED", "NOT TESTABLE", "AWAITS", "SUPPORTED", "NOT TESTABLE"]
    assert judged[0][1] == pytest.approx(judged[0][0].p)
    assert all(math.isnan(p) for _, p in judged[1:])
    assert judged[2][0].reason == "awaits: vision"


def test_verdicts_are_of_the_seeds_that_finished_and_say_which_did_not(tables):
    alone = of(claim(1, "softk"))
    tables.fail("softk", 1).fail("top1", 3, cause="exploded router")
    ((found, _),) = judge_claims(alone, tables.evidence, smoke=False)
    assert (found.verdict, found.n) == ("SUPPORTED", 3)
    assert found.reason.endswith(
        "; runs that failed and do not count: 2, softk seed 1 (divergence at step 8), "
        "top1 seed 3 (exploded router at step 8)"
    )
    tables.fail("softk", 0, 2)  # one pair has no interval
    ((found, _),) = judge_claims(alone, tables.evidence, smoke=False)
    assert (found.verdict, found.n) == ("INCONCLUSIVE", 1)
    tables.fail("softk", 3, 4)
    ((found, _),) = judge_claims(alone, tables.evidence, smoke=False)
    assert found.verdict == "NOT TESTABLE"
    assert "every run of softk (unified) failed: seed 0: divergence at step 8; " in found.reason


def test_failed_runs_are_named_whichever_part_decides(tables):
    parts = {"kind": "all", "of": [claim(0, s)["rule"] for s in ("softk", "hash")]}
    tables.fail("softk", 1)
    ((found, _),) = judge_claims(of(claim(1, "softk") | {"rule": parts}), tables.evidence, False)
    assert "load_cv of hash" in found.reason  # the larger p value
    assert "do not count: 1, softk seed 1" in found.reason


def test_a_reason_tells_what_the_verdict_does_not_rest_on(tables):
    told = [{"measure": "gini", "arms": {"experiment": "unified"}}]
    asked = claim(1, "softk") | {"told": told}
    ((silent, _),) = judge_claims(of(asked), tables.evidence, smoke=False)
    assert "gini" not in silent.reason  # which nobody measured
    for strategy, share in (("softk", 0.25), ("top1", 0.5)):
        for row in tables.rows["unified"]:
            row |= {"gini": share} if row["strategy"] == strategy else {}
    ((found, _),) = judge_claims(of(asked), tables.evidence, smoke=False)
    assert found.reason.endswith("; gini (unified) of 2 strategies: 0.25 to 0.5")
    assert found.verdict == silent.verdict


def test_a_reason_begins_with_the_share_of_parts(tables):
    parts = {"kind": "all", "of": [claim(0, s)["rule"] for s in ("softk", "hash")]}
    ((found, _),) = judge_claims(of(claim(1, "softk") | {"rule": parts}), tables.evidence, False)
    assert found.reason.startswith("all 2: load_cv of ")


def test_nothing_is_testable_at_smoke_scale(tables):
    waiting = claim(2, "softk") | {"rule": None, "awaits": "vision"}
    judged = judge_claims(of(claim(1, "softk"), waiting), tables.evidence, smoke=True)
    (found, p_holm), (other, _) = judged
    assert found.verdict == "NOT TESTABLE"
    assert found.reason.startswith("smoke scale")
    assert found.effect == pytest.approx(-0.2)
    assert math.isnan(p_holm)
    assert other.verdict == "AWAITS"


class Command:
    """The tables of a world on disk, and the command on them."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.monkeypatch, self.claims = folder, monkeypatch, ROOT / "claims.yaml"

    def ledger(self, world, *more: str, smoke: str = "false") -> pd.DataFrame:
        evidence, folder = world.evidence, self.folder
        summaries, stories = [], []
        for name, table in evidence.summaries.items():
            summaries.append(f"{name}={folder / f'{name}.csv'}")
            table.to_csv(folder / f"{name}.csv", index=False)
        for of_run, table in evidence.stories.items():
            (folder / of_run).mkdir(exist_ok=True)
            stories.append(str(folder / of_run / "stories.csv"))
            table.to_csv(stories[-1], index=False)
        evidence.audits.to_csv(folder / "audits.csv", index=False)
        pd.DataFrame({"run": [], "class_nats_gain": []}).to_csv(
            folder / "analysis.csv", index=False
        )
        line = [
            "ledger",
            "--analysis",
            str(folder / "analysis.csv"),
            "--claims",
            str(self.claims),
            "--audits",
            str(folder / "audits.csv"),
            "--specialisation",
            str(folder / "specialisation.csv"),  # of image runs, of which there are none
        ]
        line += ["--summary", *summaries, "--stories", *stories, "--smoke", smoke]
        line += ["--out", str(folder / "ledger.csv"), *more]
        self.monkeypatch.setattr(sys, "argv", line)
        run(main)
        return pd.read_csv(folder / "ledger.csv").set_index("id", drop=False)


@pytest.fixture
def command(tmp_path, monkeypatch) -> Command:
    return Command(tmp_path, monkeypatch)


def unified(world, bits: dict[str, float]):
    """Strategies of these bits per byte, and the dense model of their FLOPs."""
    for strategy, mean in bits.items():
        world.add(strategy, mean, 0.002, load_cv=[0.0] * 5 if strategy == "expert_choice" else 0.4)
    return world.add("dense", 1.4, 0.002, audited=False)


def test_the_ledger_of_claims_yaml_where_c01_is_true(world, command):
    ledger = command.ledger(
        unified(world, dict(zip(C01, (1.2, 1.2, 1.25, 1.3, 1.35), strict=True)))
    )
    assert {*ledger.columns} == COLUMNS
    claims = load_claims(ROOT / "claims.yaml")
    assert [*ledger.id] == [c.id for c in claims]
    assert [*ledger.sentence] == [c.sentence for c in claims]
    expected = {
        "C01": "SUPPORTED",
        "C02": "EQUIVALENT",
        "C04": "REFUTED",
        "C09": "NOT TESTABLE",
        "C20": "NOT TESTABLE",
        "C21": "SUPPORTED",
        "C26": "NOT TESTABLE",
    }
    assert ledger.verdict[[*expected]].to_dict() == expected
    assert ledger.reason["C09"].startswith("4 of 4: no experiment tells memory_of_capacity_")
    assert ledger.verdict["C36"] == "NOT TESTABLE"
    assert ledger.reason["C36"].endswith("no results of the experiment vision")
    assert ledger.reason["C20"].endswith("no results of the experiment balance")
    assert ledger.reason["C26"].startswith("max_vio of expert_choice")
    assert ledger.p_holm["C01"] < 0.05
    assert ledger.n["C01"] == 5
    assert 0 < ledger.minimum_detectable_effect["C01"] < 0.02
    assert ledger.n.isna()["C36"]
    assert not ledger.changed.any()
    assert ledger.previous_verdict.isna().all()


def test_changes_against_a_stored_ledger(world, command, tmp_path):
    unified(world, dict(zip(C01, (1.2, 1.2, 1.25, 1.35, 1.3), strict=True)))  # top-1 is not worst
    first = command.ledger(world, "--stored", str(tmp_path / "none.csv"))
    assert first.verdict["C01"] == "REFUTED"
    assert not first.changed.any()
    stored = first[first.id.isin(["C01", "C02", "C36"])].copy()
    stored.loc["C01", "verdict"] = "SUPPORTED"
    stored.to_csv(tmp_path / "stored.csv", index=False)
    ledger = command.ledger(world, "--stored", str(tmp_path / "stored.csv"))
    assert [*ledger.id[ledger.changed]] == ["C01"]
    before = {"C01": "SUPPORTED", "C02": "EQUIVALENT", "C36": "NOT TESTABLE"}
    assert ledger.previous_verdict.dropna().to_dict() == before


def test_a_smoke_run_is_not_compared_with_a_stored_ledger(world, command, tmp_path):
    unified(world, dict(zip(C01, (1.2, 1.2, 1.25, 1.3, 1.35), strict=True)))
    stored = tmp_path / "stored.csv"
    command.ledger(world).to_csv(stored, index=False)
    smoke = command.ledger(world, "--stored", str(stored), smoke="true")
    assert smoke.verdict["C01"] == "NOT TESTABLE"
    assert smoke.previous_verdict.isna().all()
    assert not smoke.changed.any()
    full = command.ledger(world, "--stored", str(stored))
    assert full.previous_verdict["C01"] == "SUPPORTED"
    assert full.previous_verdict.notna().all()


def test_a_smoke_run_judges_nothing(world, command):
    unified(world, {"softk": 1.0, "expert_choice": 1.0})
    ledger = command.ledger(world, smoke="true")
    assert {*ledger.verdict} == {"NOT TESTABLE"}
    assert ledger.p_holm.isna().all()
    assert "smoke scale" in ledger.reason["C02"]


def test_mistakes_end_in_one_line(world, command, tmp_path, capsys):
    unified(world, {"softk": 1.0})
    with pytest.raises(SystemExit, match="2"):
        command.ledger(world, "--summary", "unifed=x.csv")
    assert "NAME of unified, capacity_sweep" in capsys.readouterr().err
    command.claims = tmp_path / "claims.yaml"
    rule = claim(7, "softk", measure="loss")
    command.claims.write_text(yaml.safe_dump({"claims": [rule]}))
    with pytest.raises(SystemExit) as caught:
        command.ledger(world)
    line = f"error: {command.claims}: C07.rule.less.measure: 'loss' is wrong"
    assert str(caught.value).startswith(line)
    assert not (tmp_path / "ledger.csv").exists()
