"""Claims of images: accuracy over seeds and images, dense twins by channels, C36 to C38."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from moe_core.claims.arms import Arm
from moe_core.claims.estimates import estimate
from moe_core.claims.evidence import Evidence, UntestableError
from moe_core.claims.ledger import judge_claims
from moe_core.claims.schema import load_claims
from moe_core.stats.intervals import mean_interval
from workflow_scripts.ledger import with_specialisation
from workflow_scripts.vision_verdicts import of_images

CLAIMS = {claim.id: claim for claim in load_claims(Path(__file__).parents[2] / "claims.yaml")}
IMAGES, SEEDS = 500, range(5)
TOP1 = Arm(experiment="vision", strategy="top1", num_experts=8)
OF_TOP1 = {"num_experts": 8, "top_k": 1, "balance": "switch"}


class ImageWorld:
    """Arms of a known accuracy; ``evidence`` is what the workflow would have written of them."""

    def __init__(self) -> None:
        self.rows: list[dict] = []
        self.stories: dict[str, pd.DataFrame] = {}
        self.audits: list[dict] = []

    def add(
        self, strategy: str, accuracy: float = 0.5, audited: bool = True, **columns: object
    ) -> "ImageWorld":
        """The first images are the easy ones, of which a seed more or less gets one wrong."""
        cell = "-".join([strategy, *(str(value) for value in columns.values())])
        for seed in SEEDS:
            run = f"{cell}-s{seed}"
            right = np.arange(IMAGES) < round(accuracy * IMAGES) + seed % 2
            table = {"story": range(IMAGES), "bytes": 1, "nats": 1.0, "correct": right * 1.0}
            self.stories[run] = pd.DataFrame(table)
            row = {"run": run, "cell": cell, "strategy": strategy, "seed": seed}
            row |= {"images": "digits", "status": "finished", "failure": None, "flops_active": 1e6}
            each = {k: v[seed] if isinstance(v, list) else v for k, v in columns.items()}
            self.rows.append(row | each)
        if audited:
            self.audits.append({"cell": cell, "strategy": strategy, "declared": True})
        return self

    @property
    def evidence(self) -> Evidence:
        columns = ["cell", "strategy", "declared", "passed", "not_audited"]
        audits = pd.DataFrame(self.audits, columns=columns).assign(passed=True)
        return Evidence({"vision": pd.DataFrame(self.rows)}, self.stories, audits)

    def judged(self, name: str) -> tuple[str, str]:
        ((found, _),) = judge_claims([CLAIMS[name]], self.evidence, smoke=False)
        return str(found.verdict), found.reason


@pytest.fixture
def images() -> ImageWorld:
    return ImageWorld()


def test_accuracy_varies_by_image_where_seeds_agree(images):
    images.add("top1", 0.6, **OF_TOP1).add("top1", 0.5, num_experts=4, top_k=1)
    fewer = TOP1.model_copy(update={"num_experts": 4})
    found = estimate(images.evidence, "accuracy", TOP1, less=fewer)
    # one arm answers a tenth more of the images: an interval over images alone, in closed form
    over_images = mean_interval(np.arange(IMAGES) < IMAGES // 10)
    assert found.interval.mean == pytest.approx(0.1)
    assert found.interval.low == pytest.approx(over_images.low, abs=0.002)
    assert found.unit == "share"
    assert found.about.endswith(", on digits")
    alone = estimate(images.evidence, "accuracy", TOP1)
    assert alone.interval.mean == pytest.approx(np.mean([0.6 + s % 2 / IMAGES for s in SEEDS]))


def test_the_dense_twin_is_that_of_the_channels(images):
    arm = TOP1.model_copy(update={"minus_dense": True})
    images.add("top1", 0.6, dense_channels="9x14", **OF_TOP1)
    with pytest.raises(UntestableError, match="no run of dense"):
        images.add("dense", 0.3, audited=False, channels="25x49").evidence.correct(arm)
    images.add("dense", 0.5, audited=False, channels="9x14")
    assert estimate(images.evidence, "accuracy", arm).interval.mean == pytest.approx(0.1)


def test_what_mixes_is_audited_and_unequal_flops_are_told(images):
    images.add("resnet18", 0.9, audited=False, flops_active=5e6).add("soft_moe", audited=False)
    resnet, soft = (Arm(experiment="vision", strategy=name) for name in ("resnet18", "soft_moe"))
    with pytest.raises(UntestableError, match="soft_moe was not audited"):
        images.evidence.runs(soft)
    images.add("top1", **OF_TOP1)
    told = estimate(images.evidence, "accuracy", resnet, less=TOP1).about
    assert "at unequal active FLOPs (1 and 5 million an image), on digits" in told


@pytest.mark.parametrize(
    ("top1", "top2", "dense2", "four", "verdict"),
    [
        (0.70, 0.80, 0.70, 0.60, "SUPPORTED"),
        (0.50, 0.60, 0.40, 0.40, "REFUTED"),  # no better than the dense CNN of its FLOPs
        (0.70, 0.70, 0.60, 0.60, "REFUTED"),  # a second choice gains nothing
        (0.70, 0.80, 0.80, 0.60, "REFUTED"),  # what it gains, its FLOPs gain in a dense CNN
        (0.70, 0.80, 0.70, 0.70, "REFUTED"),  # four experts do
        (0.70, 0.80, None, 0.60, "NOT TESTABLE"),
    ],
)
def test_c36_asks_for_a_point_at_equal_flops(images, top1, top2, dense2, four, verdict):
    images.add("dense", 0.5, audited=False, channels="9x14", dense_channels="9x14")
    if dense2:
        images.add("dense", dense2, audited=False, channels="12x23", dense_channels="12x23")
    images.add("top1", top1, dense_channels="9x14", **OF_TOP1)
    images.add("top1", four, dense_channels="9x14", **OF_TOP1 | {"num_experts": 4})
    second = {"num_experts": 8, "top_k": 2, "balance": "switch", "dense_channels": "12x23"}
    found, reason = images.add("softk", top2, **second).judged("C36")
    assert found == verdict
    assert "digits" in reason or verdict == "NOT TESTABLE"


def spread(mean: float) -> list[float]:
    return [mean + 0.002 * (seed - 2) for seed in SEEDS]


@pytest.mark.parametrize(
    ("gain", "untrained", "verdict"),
    [
        (0.4, 0.2, "SUPPORTED"),
        (0.4, 0.39, "REFUTED"),  # an untrained gate parts classes as well
        (0.05, -0.1, "REFUTED"),  # surely more than chance, and too little
    ],
)
def test_c37_is_of_what_is_learned_beyond_chance(images, gain, untrained, verdict):
    images.add("top1", dead_experts=0.0, **OF_TOP1)
    (summary,) = images.evidence.summaries.values()
    routers = pd.concat(
        summary[["run"]].assign(router=name, class_nmi=mean, class_nmi_gain=spread(mean)[::turn])
        for name, mean, turn in (("trained", gain, 1), ("untrained", untrained, -1))
    )
    merged = with_specialisation(summary, routers)
    assert merged.class_nmi_learned.mean() == pytest.approx(gain - untrained)
    images.rows = merged.to_dict("records")
    assert images.judged("C37")[0] == verdict


@pytest.mark.parametrize(
    ("free", "of_mean", "each_nats", "verdict"),
    [
        (2.0, 0.3, 0.2, "SUPPORTED"),
        (2.0, 1.9, 0.2, "REFUTED"),  # collapses all the same
        (2.0, 0.3, 0.6, "REFUTED"),  # no entropy fights specialisation
        (0.3, 0.3, 0.2, "NOT TESTABLE"),  # nothing to prevent
    ],
)
def test_c38_tells_which_entropy_prevents_a_collapse(images, free, of_mean, each_nats, verdict):
    for balance, uneven, nats in (
        ("none", free, 0.6),
        ("marginal_entropy", of_mean, 0.6),
        ("token_entropy", 1.5, each_nats),
    ):
        own = OF_TOP1 | {"balance": balance}
        turn = -1 if balance == "none" else 1
        of_seed = {"load_cv": spread(uneven)[::turn], "class_nats_gain": spread(nats)[::turn]}
        images.add("top1", **own, **of_seed)
    found, reason = images.judged("C38")
    assert found == verdict
    assert "token_entropy) of 1 strategies" in reason  # and told beside it


def test_verdicts_of_images_are_those_of_images_alone():
    assert [name for name, claim in CLAIMS.items() if of_images(claim)] == ["C36", "C37", "C38"]


def test_accuracy_asks_for_answers(images):
    images.add("top1", **OF_TOP1)
    images.stories = {run: table.drop(columns="correct") for run, table in images.stories.items()}
    with pytest.raises(UntestableError, match="do not tell what is correct"):
        estimate(images.evidence, "accuracy", TOP1)
    assert estimate(images.evidence, "bits_per_byte", TOP1).interval.mean == pytest.approx(
        1 / math.log(2)
    )
