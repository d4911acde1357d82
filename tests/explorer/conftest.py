from pathlib import Path

import pytest

from tests.explorer.study import write_study


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    """The page of a small study."""
    return write_study(tmp_path_factory.mktemp("explorer"))
