"""A run that is killed at any step ends as if it had not been, bit for bit."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from moe_core.corpus.batches import TokenCorpus
from moe_core.model.transformer import Transformer
from moe_core.training.checkpoint import newest_first
from moe_core.training.config import TrainingConfig
from moe_core.training.interruption import Interruption, Terminated
from moe_core.training.keeper import Keeper
from moe_core.training.loop import Progress, Trainer
from moe_core.training.ranks import ALONE
from moe_core.training.run import TrainedRun, train_run
from tests.conftest import HONEST
from tests.training.conftest import COUNTS, TRAIN, VALID, corpus

ModelOf = Callable[..., Transformer]
ConfigOf = Callable[..., TrainingConfig]
CORPUS = TokenCorpus({"train": TRAIN, "valid": VALID, "test": corpus(5, 40)}, COUNTS, {})
STEPS = 12


class Killed(Exception):  # noqa: N818
    """Stands for SIGKILL: nothing is done about it."""


class Mortal(Keeper):
    """A keeper whose process dies after so many steps of this attempt."""

    def __init__(self, folder: Path, every_s: float, lives: int | None, key: str = "key") -> None:
        super().__init__(folder, key, STEPS, every_s, ALONE, Interruption(), "a CPU")
        self.lives = lives

    def after_step(self, trainer: Trainer, progress: Progress) -> None:
        super().after_step(trainer, progress)
        if self.lives is not None:
            self.lives -= 1
            if self.lives == 0:
                raise Killed


def attempt(model: Any, config: TrainingConfig, keeper: Keeper | None) -> TrainedRun:
    return train_run("name", model, config, 3, "cpu", CORPUS, keeper)


def same(a: TrainedRun, b: TrainedRun) -> bool:
    """Bit for bit."""
    left, right = a.model.state_dict(), b.model.state_dict()
    weights = all(torch.equal(tensor, right[name]) for name, tensor in left.items())
    stories = all(np.array_equal(column, b.stories[name]) for name, column in a.stories.items())
    return weights and stories and a.rows == b.rows and a.test == b.test


@pytest.mark.parametrize("every_s", [0.0, 1e9])
@pytest.mark.parametrize("strategy", [None, *HONEST, "as_published_expert_choice"])
def test_killed_at_random_steps_a_run_ends_the_same(
    model_of: ModelOf, config_of: ConfigOf, tmp_path: Path, strategy: str | None, every_s: float
) -> None:
    moe = {"jitter": 0.1, "bias_rate": 0.01, "capacity_factor": 0.75} if strategy else {}
    model, config = model_of(strategy, **moe).config, config_of()
    undisturbed = attempt(model, config, None)
    rng, kills = random.Random(f"{strategy} {every_s}"), 0
    while True:
        # with no checkpoint but those of evaluations (5, 10), five steps have to be lived through
        lives = rng.randint(1, 5) if every_s == 0 else rng.randint(4, 7)
        try:
            resumed = attempt(model, config, Mortal(tmp_path, every_s, lives))
            break
        except Killed:
            kills += 1
    assert kills
    assert same(undisturbed, resumed)


@pytest.mark.parametrize("step", [4, 5, 12])
def test_asked_to_stop_it_saves_the_step_it_is_at(
    model_of: ModelOf, config_of: ConfigOf, tmp_path: Path, step: int
) -> None:
    model, config = model_of("softk").config, config_of()
    undisturbed = attempt(model, config, None)
    keeper = Mortal(tmp_path, 1e9, None)
    inner = keeper.after_step

    def after_step(trainer: Trainer, progress: Progress) -> None:
        if progress.step == step:
            keeper.stop.wanted = 15
        inner(trainer, progress)

    keeper.after_step = after_step  # type: ignore[method-assign]
    with pytest.raises(Terminated):
        attempt(model, config, keeper)
    again = Mortal(tmp_path, 1e9, None)
    assert same(undisturbed, attempt(model, config, again))
    assert again.first_step == step


@pytest.mark.parametrize("evaluation", [1, 2, 3, 4])
def test_asked_to_stop_in_an_evaluation_it_stops_at_once(
    model_of: ModelOf,
    config_of: ConfigOf,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    evaluation: int,
) -> None:
    import moe_core.training.loop as loop

    model, config = model_of("noisy_topk").config, config_of()
    undisturbed = attempt(model, config, None)
    keeper, done = Mortal(tmp_path, 1e9, None), [0]
    evaluate = loop.evaluate

    def interrupted(*given: Any) -> Any:
        done[0] += 1
        if done[0] == 2 * evaluation - 1:  # noisy top-k is read twice
            keeper.stop._note(15, None)
        return evaluate(*given)

    monkeypatch.setattr(loop, "evaluate", interrupted)
    with pytest.raises(Terminated):
        attempt(model, config, keeper)
    monkeypatch.undo()
    again = Mortal(tmp_path, 1e9, None)
    assert same(undisturbed, attempt(model, config, again))
    assert again.first_step == [5, 10, 12, 12][evaluation - 1]


def test_what_is_damaged_is_told_and_the_one_before_taken(
    model_of: ModelOf, config_of: ConfigOf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, config = model_of("softk").config, config_of()
    undisturbed = attempt(model, config, None)
    with pytest.raises(Killed):
        attempt(model, config, Mortal(tmp_path, 0.0, 9))
    last, previous, *_ = newest_first(tmp_path / "key")
    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= 1
    last.write_bytes(content)
    keeper = Mortal(tmp_path, 1e9, None)
    assert same(undisturbed, attempt(model, config, keeper))
    assert keeper.first_step == int(previous.name.split("-")[1]) == 8
    assert f"warning: {last} is not what was written" in capsys.readouterr().err
    events = [event["event"] for event in keeper.history.events()]
    assert events.count("corrupt checkpoint") == 1


def test_with_all_of_them_cut_off_it_starts_again(
    model_of: ModelOf, config_of: ConfigOf, tmp_path: Path
) -> None:
    model, config = model_of("softk").config, config_of()
    undisturbed = attempt(model, config, None)
    with pytest.raises(Killed):
        attempt(model, config, Mortal(tmp_path, 0.0, 9))
    for path in newest_first(tmp_path / "key"):
        path.write_bytes(path.read_bytes()[:-100])
    keeper = Mortal(tmp_path, 0.0, None)
    assert same(undisturbed, attempt(model, config, keeper))
    assert keeper.first_step == 0


def test_checkpoints_of_another_row_or_code_are_not_taken(
    model_of: ModelOf, config_of: ConfigOf, tmp_path: Path
) -> None:
    model, config = model_of("softk").config, config_of()
    with pytest.raises(Killed):
        attempt(model, config, Mortal(tmp_path, 0.0, 9))
    keeper = Mortal(tmp_path, 0.0, None, key="other")
    attempt(model, config, keeper)
    assert keeper.first_step == 0


def test_the_last_two_and_the_last_sound_one_are_kept(
    model_of: ModelOf, config_of: ConfigOf, tmp_path: Path
) -> None:
    with pytest.raises(Killed):
        attempt(model_of("softk").config, config_of(), Mortal(tmp_path, 0.0, 9))
    kept = [path.name[:14] for path in newest_first(tmp_path / "key")]
    assert kept == ["step-00000009-", "step-00000008-", "sound-00000005"]


def test_a_finished_run_is_not_trained_again(
    model_of: ModelOf, config_of: ConfigOf, tmp_path: Path
) -> None:
    model, config = model_of("remoe").config, config_of()
    first = attempt(model, config, Mortal(tmp_path, 1e9, None))
    again = Mortal(tmp_path, 1e9, 1)  # would die at the first step
    assert same(first, attempt(model, config, again))
    assert again.first_step == STEPS


def test_memory_that_ran_out_halves_the_parts_of_the_same_run_only(tmp_path: Path) -> None:
    keeper = Mortal(tmp_path, 1e9, None)
    assert keeper.parts == 1
    for parts in (2, 4):
        keeper.out_of_memory()
        keeper = Mortal(tmp_path, 1e9, None)
        assert keeper.parts == parts
    assert Mortal(tmp_path, 1e9, None, key="other").parts == 1
    keeper.note("failed", 3)
    assert Mortal(tmp_path, 1e9, None).parts == 1  # on another machine, say


def test_a_line_that_a_kill_cut_off_does_not_hide_the_others(tmp_path: Path) -> None:
    keeper = Mortal(tmp_path, 1e9, None)
    keeper.note("terminated", 3)
    with keeper.history.path.open("a") as file:
        file.write('{"event": "chec')
    keeper.note("start", 3)
    assert [event["event"] for event in keeper.history.events()] == ["terminated", "start"]
