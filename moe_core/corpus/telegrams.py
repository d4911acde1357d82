"""The generator's stories in another style: what a model of stories can be adapted to."""

import re
from collections.abc import Iterator

from moe_core.corpus.builtin_stories import builtin_stories

ARTICLE = re.compile(r"\b(a|an|the)\b ?", re.IGNORECASE)
SENTENCE_END = re.compile(r"[.!?]+")
OTHER_MARKS = re.compile(r"[^a-z0-9' \n-]|--+")


def telegram(story: str) -> str:
    """The story as a telegram: small letters, no articles, no marks, ``stop`` after a sentence."""
    text = SENTENCE_END.sub(" stop ", ARTICLE.sub("", story)).lower()
    lines = OTHER_MARKS.sub(" ", text).splitlines()
    return "\n".join(" ".join(line.split()) for line in lines if line.strip())


def telegrams(seed: int, count: int) -> Iterator[str]:
    """Yield `count` telegrams of the stories of another seed of the generator."""
    return map(telegram, builtin_stories(seed, count))
