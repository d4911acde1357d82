"""What a run shows of itself while it trains."""

import json

from moe_core.training.interruption import Interruption
from moe_core.training.keeper import Keeper
from moe_core.training.loop import Progress
from moe_core.training.ranks import Ranks


def test_progress_is_whole_from_the_moment_it_is_there(tmp_path):
    shown = tmp_path / "progress.json"
    keeper = Keeper(tmp_path, "key", 5, 1e9, Ranks(), Interruption(), "cpu")
    assert not shown.exists()  # it was there, and empty, until a checkpoint was read
    keeper.resume(trainer=None)  # which no checkpoint touches
    assert json.loads(shown.read_text())["step"] == 0
    keeper.after_step(None, Progress(step=3))
    assert json.loads(shown.read_text())["step"] == 3
