"""How tokens are written where a reader must see them: the unseen ones have signs."""

from functools import cache

from matplotlib.font_manager import FontProperties, findfont, get_font

from moe_core.corpus.sources import SEPARATOR

SIGNS = {SEPARATOR: "¶", " ": "␣", "\n": "↵", "\t": "⇥"}
UNKNOWN_GLYPH = "\N{REPLACEMENT CHARACTER}"


def visible(text: str) -> str:
    """The text with a sign for the separator, spaces, newlines and tabs."""
    for unseen, sign in SIGNS.items():
        text = text.replace(unseen, sign)
    return text


@cache
def _drawable() -> frozenset[int]:
    """Code points of the font that comes with matplotlib and stands in for any other."""
    return frozenset(get_font(findfont(FontProperties(family="DejaVu Sans"))).get_charmap())


def drawn(text: str) -> str:
    """The visible text, with what no font here can draw replaced."""
    return "".join(c if ord(c) in _drawable() else UNKNOWN_GLYPH for c in visible(text))
