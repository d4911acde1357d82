"""Configurations with one mistake each, of every kind that we could think of."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.configurations import DEFAULT, changed

Node = dict[Any, Any] | list[Any]

SHELL = [
    "$(touch pwned)",
    "`touch pwned`",
    "; touch pwned",
    "a b'c\"d",
    "../x",
    "/",
    "-n",
    "~",
    "*",
]
TEXT = ["", "x", "1e-3", "nan", "a\nb", "\x00", "\u202eé", "{x}", "{input}", "x" * 5000, *SHELL]
NUMBERS = [-1, 0, 10**30, -(10**30), 1e308, 5e-324, float("nan"), float("inf"), 0.5, -0.0]
JUNK = [None, True, False, [], {}, [[]], [None], {"a": {"b": []}}, {1: 2}, [{}, "x"], b"x"]


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of all keys and elements."""
    below = node.items() if isinstance(node, dict) else enumerate(node)
    found = []
    for key, value in below:
        found.append((*path, key))
        if isinstance(value, dict | list):
            found += places(value, (*path, key))
    return found


PLACES = places(DEFAULT)


def delete(parent: Node, key: Any, _: random.Random) -> None:
    del parent[key]


def misspell(parent: Node, key: Any, rng: random.Random) -> None:
    word = str(key) if isinstance(parent, dict) else str(parent[key])
    at = rng.randrange(len(word))
    word = word[:at] + rng.choice(["", "x", word[at] * 2, word[at].upper() + "-"]) + word[at + 1 :]
    if isinstance(parent, dict):
        parent[word] = parent.pop(key)
    else:
        parent[key] = word


def odd_key(parent: Node, key: Any, rng: random.Random) -> None:
    if isinstance(parent, dict):
        parent[rng.choice([*TEXT, 3, None, True, 1.5, ("a", 1)])] = parent[key]
    else:
        parent.insert(key, [parent[key]])


def text(parent: Node, key: Any, rng: random.Random) -> None:
    parent[key] = rng.choice(TEXT)


def number(parent: Node, key: Any, rng: random.Random) -> None:
    parent[key] = rng.choice(NUMBERS)


def junk(parent: Node, key: Any, rng: random.Random) -> None:
    parent[key] = rng.choice(JUNK)


def twice(parent: Node, key: Any, _: random.Random) -> None:
    if isinstance(parent, list):
        parent.append(parent[key])
    else:
        parent[key] = [parent[key], parent[key]]


def elsewhere(parent: Node, key: Any, rng: random.Random) -> None:
    place = rng.choice(PLACES)
    value: Any = DEFAULT
    for part in place:
        value = value[part]
    parent[key] = value


MISTAKES: tuple[Callable[[Node, Any, random.Random], None], ...] = (
    *(delete, misspell, odd_key, text, number, junk, twice, elsewhere),
)


@dataclass(frozen=True)
class Malformed:
    """A configuration with a mistake of a kind at a place."""

    kind: str
    place: str
    config: dict[str, Any]


def malformed(seed: int) -> Malformed:
    """The default configuration with the mistake of a seed; some of them are none."""
    rng = random.Random(seed)
    mistake, place = rng.choice(MISTAKES), rng.choice(PLACES)

    def edit(config: dict[str, Any]) -> None:
        parent: Any = config
        for part in place[:-1]:
            parent = parent[part]
        mistake(parent, place[-1], rng)

    return Malformed(mistake.__name__, ".".join(map(str, place)), changed(edit))


def names_the_place(line: str, mistake: Malformed) -> bool:
    """Whether an error is about the place of a mistake, or about what stands beside it."""
    key = line.partition(": ")[0]
    *parents, leaf = [part for part in mistake.place.split(".") if not part.isdigit()]
    return key.startswith(".".join(parents)) or mistake.place.startswith(key) or leaf in line
