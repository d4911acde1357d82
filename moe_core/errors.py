"""The one error that a user's mistake raises."""

LONGEST_WORD = 300  # a path may be long, but no line should be a page


class StudyError(ValueError):
    """A mistake in the configuration or the input, told in one line.

    key: dotted configuration key. problem: what is wrong with its value. remedy: what to do.
    """

    def __init__(self, key: str, problem: str, remedy: str = "") -> None:
        line = f"{key}: {problem}" + (f"; {remedy}" if remedy else "")
        super().__init__(" ".join(map(_shown, line.split())))
        self.key, self.problem, self.remedy = key, problem, remedy


def _shown(word: str) -> str:
    """A word as a terminal may show it: what it would obey escaped, what is endless cut."""
    if not word.isprintable():
        word = word.encode("unicode_escape").decode()
    return word if len(word) <= LONGEST_WORD else f"{word[:90]}…{word[-90:]}"
