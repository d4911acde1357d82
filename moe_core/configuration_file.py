"""``config.yaml`` as a file: that it is plain YAML, before Snakemake reads it."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from moe_core.errors import StudyError


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice in a place, where YAML takes the last, and loops."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.deep_construct = True  # whole nodes at once: one within itself is noticed

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key in (k for k, _ in node.value if isinstance(k, yaml.ScalarNode)):
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key.value!r} stands here for the second time", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def check_file(path: Path) -> None:
    """Raises StudyError, with the line, for a file that is missing, no YAML or a program."""
    try:
        content = yaml.load(path.read_bytes().decode(), _Loader)
    except OSError as error:
        raise StudyError(str(path), error.strerror or "cannot be read") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise StudyError(f"{path}{where}", error.problem or "no YAML") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise StudyError(str(path), f"no text in YAML: {error}") from None
    if not isinstance(content, dict):
        raise StudyError(str(path), "no keys with values", "restore the file from the repository")
    if "__use_yte__" in content:
        raise StudyError("__use_yte__", "a configuration is data and no program", "remove it")
