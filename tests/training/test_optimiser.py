"""The clipped SGD of image models against torch's own."""

import torch
from torch import nn

from moe_core.training.optimiser import ClippedSgd


def test_sgd_is_that_of_torch_after_clipping() -> None:
    ours, theirs = nn.Linear(3, 4), nn.Linear(3, 4)
    theirs.load_state_dict(ours.state_dict())
    own = ClippedSgd(ours, weight_decay=0.01, grad_clip=0.5, momentum=0.9)
    reference = torch.optim.SGD(
        theirs.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01
    )
    draw = torch.Generator().manual_seed(0)
    for _ in range(5):
        x = 3 * torch.randn(6, 3, generator=draw)
        for model in (ours, theirs):
            model.zero_grad()
            model(x).square().mean().backward()
        assert nn.utils.clip_grad_norm_(theirs.parameters(), 0.5) > 0.5, "the clip must bite"
        reference.step()
        own.step(0.1)
    torch.testing.assert_close(list(ours.parameters()), list(theirs.parameters()))


def test_an_update_that_is_not_finite_changes_nothing() -> None:
    model = nn.Linear(3, 4)
    own = ClippedSgd(model, weight_decay=0.01, grad_clip=0.5, momentum=0.9)
    model(torch.ones(1, 3)).sum().backward()
    own.step(0.1)
    before = {name: tensor.clone() for name, tensor in own.tensors(model).items()}
    weights = [p.clone() for p in model.parameters()]
    own.zero_grad()
    (model(torch.ones(1, 3)).sum() * float("nan")).backward()
    own.step(0.1)
    torch.testing.assert_close(own.tensors(model), before, rtol=0, atol=0)
    torch.testing.assert_close(list(model.parameters()), weights, rtol=0, atol=0)
