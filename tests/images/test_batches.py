import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_core.images.batches import _epoch, augment, batch_indices
from moe_core.random_streams import stream


@settings(max_examples=30)
@given(st.integers(1, 23), st.integers(1, 50), st.integers(0, 2**31), st.integers(0, 2))
def test_each_epoch_is_a_permutation(examples: int, batch: int, seed: int, epoch: int) -> None:
    first, last = epoch * examples // batch, ((epoch + 1) * examples - 1) // batch
    drawn = [batch_indices(examples, batch, seed, step) for step in range(first, last + 1)]
    assert {(len(index), index.dtype) for index in drawn} == {(batch, torch.int64)}
    start = epoch * examples - first * batch
    whole = torch.cat(drawn)[start : start + examples]
    assert sorted(whole.tolist()) == list(range(examples))


def test_a_batch_is_a_function_of_seed_and_step_alone() -> None:
    def batch(seed: int, step: int) -> list[int]:
        return batch_indices(1000, 64, seed, step).tolist()

    first = batch(0, 40)
    torch.manual_seed(5)
    batch(3, 7)
    _epoch.cache_clear()
    assert batch(0, 40) == first
    others = [batch(0, 41), batch(1, 40), batch(40, 0)]
    assert all(first != other for other in others)
    epochs = {tuple(batch_indices(8, 8, 0, epoch).tolist()) for epoch in range(4)}
    assert len(epochs) == 4  # another order each time


def moved(image_CHW: torch.Tensor, down: int, right: int, mirrored: bool) -> torch.Tensor:
    """The definition, one pixel at a time."""
    out = torch.zeros_like(image_CHW)
    C, H, W = image_CHW.shape
    for c in range(C):
        for y in range(H):
            for x in range(W):
                to_x = (W - 1 - x if mirrored else x) + right
                if 0 <= y + down < H and 0 <= to_x < W:
                    out[c, y + down, to_x] = image_CHW[c, y, x]
    return out


@settings(max_examples=15)
@given(st.integers(0, 3), st.booleans(), st.integers(0, 2**31))
def test_augment_moves_and_mirrors_whole_images(shift: int, flip: bool, seed: int) -> None:
    # all pixels differ and none is 0: what is found tells where it came from
    image_BCHW = torch.arange(1, 1 + 4 * 2 * 3 * 4).to(torch.uint8).view(4, 2, 3, 4)
    found_BCHW = augment(image_BCHW, shift, flip, stream(seed, "test"))
    assert found_BCHW.dtype == torch.uint8
    for image, found in zip(image_BCHW, found_BCHW, strict=True):
        allowed = [
            moved(image, down, right, mirrored)
            for down in range(-shift, shift + 1)
            for right in range(-shift, shift + 1)
            for mirrored in ([False, True] if flip else [False])
        ]
        assert any(torch.equal(found, one) for one in allowed)


def test_augment_at_nothing_is_the_identity_and_else_draws_everything() -> None:
    image_BCHW = torch.randint(256, (400, 3, 5, 5), dtype=torch.uint8, generator=stream(0, "x"))
    assert torch.equal(augment(image_BCHW, 0, False, stream(0, "a")), image_BCHW)
    same = image_BCHW[:1].expand(400, -1, -1, -1)
    found = augment(same, 1, True, stream(0, "a"))
    assert len(found.flatten(1).unique(dim=0)) == 3 * 3 * 2  # each image draws its own
    assert torch.equal(augment(same, 1, True, stream(0, "a")), found)
    mirrored = (augment(same, 0, True, stream(1, "a")) != same).flatten(1).any(1)
    assert float(mirrored.float().mean()) == pytest.approx(0.5, abs=5 * 0.5 / 20)
