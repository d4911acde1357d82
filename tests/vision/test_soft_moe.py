"""Soft MoE against the paper's equations, written out in loops."""

import torch

from moe_core.vision.config import ImageShape
from moe_core.vision.experts import expert
from tests.vision.conftest import built, cnn, images

SHAPE = ImageShape(channels=2, size=12, classes=5)
CONFIG = cnn("soft_moe", (3, 4), patch=4, num_experts=2, capacity_factor=0.6)  # 9 patches, 3 slots


def test_logits_are_those_of_the_equations() -> None:
    model = built(CONFIG, SHAPE)
    net = model.net
    with torch.no_grad():
        net.scale.fill_(3.0)
        net.position_MD.normal_(generator=torch.Generator().manual_seed(1))
    image = images(2, SHAPE)[1]
    corners = [(i, j) for i in range(0, 12, 4) for j in range(0, 12, 4)]
    patches = [image[:, i : i + 4, j : j + 4] for i, j in corners]
    places = net.position_MD.unflatten(1, (2, 4, 4))
    patches = [patch + place for patch, place in zip(patches, places, strict=True)]
    slots = [(e, p) for e in range(2) for p in range(3)]
    phi = {s: 3.0 * net.slot_EPD[s] / net.slot_EPD[s].square().sum().sqrt() for s in slots}
    x = [patch.flatten() / patch.square().sum().sqrt() for patch in patches]
    z = {(m, s): (x[m] @ phi[s]).exp() for m in range(9) for s in slots}
    output = {}
    for s in slots:
        total = sum(z[m, s] for m in range(9))
        slot = sum(z[m, s] / total * patches[m] for m in range(9))
        output[s] = expert(slot.unsqueeze(0), net.experts.unstacked()[s[0]])[0]
    y = []
    for m in range(9):
        total = sum(z[m, s] for s in slots)
        y.append(sum(z[m, s] / total * output[s] for s in slots))
    logits = model(images(2, SHAPE))[0][1, 0]
    assert torch.allclose(logits, torch.stack(y).mean(0), rtol=1e-12, atol=1e-12)


def test_slots_learn_and_no_image_moves_another() -> None:
    model = built(CONFIG, SHAPE)
    x = images(4, SHAPE).requires_grad_()
    model(x)[0][2].square().sum().backward()
    for parameter in model.parameters():
        assert (
            parameter.grad.abs().flatten(1).sum(1).all() if parameter.dim() > 1 else parameter.grad
        )
    assert [bool(g.any()) for g in x.grad] == [False, False, True, False]
    assert (model.routing, model.all_routing(), model.moe_layers()) == (None, [], [])
