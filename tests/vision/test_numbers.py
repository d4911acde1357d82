"""Numbers of image models that the report's text may cite."""

import pandas as pd

from moe_core.numbers.vision import image_numbers, vision_numbers

EXPERIMENT = {
    "mixtures": [
        {"strategy": "top1", "num_experts": 8, "top_k": 1},
        {"strategy": "soft_moe", "num_experts": 8, "top_k": 1},
    ],
    "balanced": {"strategy": "top1", "num_experts": 8, "top_k": 1},
    "balances": [{"by": "none", "weight": 0.0}, {"by": "switch", "weight": 0.01}],
}


def test_each_arm_has_its_numbers_and_one_that_was_not_trained_none():
    arm = {"cell": "a", "strategy": "top1", "label": "top-1", "num_experts": 8, "top_k": 1}
    arm |= {"balance": "switch", "images": "digits", "steps": 60, "n": 3, "n_failed": 1}
    arm |= {"runs": "a-s0 a-s1 a-s2 a-s3", "runs_dense": "d-s0 d-s1", "accuracy_minus_dense_n": 2}
    for key in ("accuracy", "accuracy_minus_dense", "accuracy_minus_dense_of_size"):
        arm |= {key: 0.4, f"{key}_low": 0.3, f"{key}_high": 0.5}
    arm |= {"accuracy_minus_dense_p_holm": 0.01, "accuracy_minus_dense_of_size_p_holm": 0.5}
    arm |= {f"accuracy_minus_{twin}_detectable": 0.1 for twin in ("dense", "dense_of_size")}
    dense = {"cell": "d", "strategy": "dense", "channels": "9x14", "label": "dense", "n": 3}
    dense |= {"images": "digits", "runs": "d-s0 d-s1", "accuracy": 0.3, "n_failed": 0}
    routers = pd.DataFrame(
        [
            {"cell": "a", "router": router, "class_nmi": mean + off, "class_nmi_gain": mean}
            for router, mean in (("trained", 0.5), ("untrained", 0.2))
            for off in (-0.1, 0.1)
        ]
    ).assign(superclass_nmi_gain=None)
    times = [{"batch_size": 1, "ms": 1.0}, {"batch_size": 64, "ms": 6.4}]
    cost = pd.DataFrame(
        [
            {"run": "a-s0", "cell": "a", "flops_per_image": 2e6, "conditional": True} | t
            for t in times
        ]
        + [times[1] | {"run": "a-s0", "cell": "a", "flops_per_image": 9e6, "conditional": False}]
    )
    summary = pd.DataFrame({"test_images": [454.0, None]})
    numbers = list(vision_numbers(EXPERIMENT, pd.DataFrame([arm, dense]), summary, routers, cost))
    found = {number.key.removeprefix("vision/"): number for number in numbers}
    assert len(found) == len(numbers)
    assert found["accuracy/top1-e8k1"].n == 3
    gain = found["accuracy_minus_dense/top1-e8k1"]
    assert (gain.value, gain.low, gain.high, gain.n) == (0.4, 0.3, 0.5, 2)
    assert gain.runs == "a-s0 a-s1 a-s2 a-s3 d-s0 d-s1"
    assert found["class_nmi_untrained/top1-e8k1"].value == 0.2
    assert found["class_nmi/top1-e8k1"].n == 2
    assert found["megaflops/top1-e8k1"].value == 2
    assert round(found["us_per_image/top1-e8k1"].value, 6) == 100
    assert found["accuracy/soft_moe-e8k1"].value is None  # not of this scale
    assert found["accuracy/top1-e8k1-none"].n == 0
    assert found["best/label"].value == "top-1 (1 of 8 experts)"
    assert found["better_than_dense"].value == "top-1 (1 of 8 experts)"
    assert found["worse_than_dense_of_size"].value == "none"
    assert found["dense_best/label"].value == "9/14 channels"
    assert found["resnet18_best/accuracy"].value is None
    assert found["failed"].value.startswith("Runs that failed: 1;")


def test_other_images_than_those_of_the_plan_are_told():
    meta = {"name": "cifar100", "classes": ["a", "b"], "test_twins": {"train": 2, "valid": 1}}
    meta |= {"splits": {split: {"images": 7} for split in ("train", "valid", "test")}}
    spec = {
        "image_shape": {"channels": 3, "size": 32},
        "image_training": {"batch_size": 8, "shift": 4, "flip": True},
    }
    for name, published in (("cifar100", True), ("cifar100", False), ("digits", None)):
        given = meta | {"name": name, "origin": {"published": published}}
        found = {n.key: n.value for n in image_numbers(spec, given)}
        assert bool(found["vision/other_images"]) == (published is not True)
        assert found["vision/test_twins"] == 3
