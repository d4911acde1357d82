"""Telegrams: another style of the generator's stories, in letters that a model of those knows."""

import re

from moe_core.corpus.builtin_stories import builtin_stories
from moe_core.corpus.telegrams import telegram, telegrams


def test_a_telegram_has_small_letters_no_articles_and_stops() -> None:
    story = 'One day, a girl saw THE sun. "An owl!" she said.\n\nIt was Anna\'s cat...'
    lines = ["one day girl saw sun stop owl stop she said stop", "it was anna's cat stop"]
    assert telegram(story) == "\n".join(lines)


def test_telegrams_are_of_other_stories_and_no_letter_is_new() -> None:
    plain, styled = list(builtin_stories(0, 40)), list(telegrams(1, 40))
    assert len({*styled}) == 40
    assert not {*map(telegram, plain)} & {*styled}
    assert {*"".join(styled)} <= {*"".join(plain)}
    for text in styled:
        assert not re.search(r"\b(a|an|the)\b|[A-Z.!?\",]", text)
        assert text.endswith("stop")
