"""The one error that a user's mistake raises."""


class StudyError(ValueError):
    """A mistake in the configuration or the input, told in one line.

    key: dotted configuration key. problem: what is wrong with its value. remedy: what to do.
    """

    def __init__(self, key: str, problem: str, remedy: str = "") -> None:
        line = f"{key}: {problem}" + (f"; {remedy}" if remedy else "")
        super().__init__(" ".join(line.split()))
