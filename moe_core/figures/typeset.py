"""Numbers and words as TeX, rounded for reading by their unit."""

import math
from collections.abc import Iterable
from typing import Literal

SPECIAL = str.maketrans({c: f"\\{c}" for c in "&%$#_{}"})


def escape(text: str) -> str:
    """Text whose special characters TeX prints as they are."""
    return (
        text.replace("\\", r"\textbackslash ")
        .translate(SPECIAL)
        .replace("~", r"\textasciitilde ")
        .replace("^", r"\textasciicircum ")
    )


def grouped(number: float) -> str:
    """A whole number with thin groups of thousands."""
    return f"{number:,.0f}".replace(",", "{,}")


def signed(text: str) -> str:
    """A minus sign instead of a hyphen."""
    return text.replace("-", r"\ensuremath{-}")


def typeset(value: str | float | int | None, unit: str) -> str:
    """TeX of one value. Raises ValueError for an unknown unit."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "--"
    if unit == "text":
        return escape(str(value))
    number = float(value)
    match unit:
        case "count" | "rate" | "gflops":
            return grouped(number)
        case "bits_per_byte" | "nats":
            return signed(f"{number:.3f}")
        case "ratio":
            return signed(f"{number:.2f}")
        case "gbytes_per_s":
            return f"{number:.1f}"
        case "share":
            return signed(f"{100 * number:.1f}") + r"\,\%"
        case "share_fine":
            return signed(f"{100 * number:.2f}") + r"\,\%"
        case "setting":
            return _setting(number)
        case "error":
            return _setting(float(f"{number:.1e}"))
    raise ValueError(f"no way to typeset the unit {unit!r}")


def _setting(number: float) -> str:
    """A configured value: plain where short, else as a power of ten."""
    if number == 0 or 1e-2 <= abs(number) < 1e4:
        text = f"{number:g}"
        return text if "." in text else f"{number:.1f}"
    mantissa, exponent = f"{number:e}".split("e")
    factor = f"{float(mantissa):g}"
    times = "" if factor == "1" else rf"{factor}\times "
    return rf"\ensuremath{{{times}10^{{{int(exponent)}}}}}"


def table(
    caption: str,
    label: str,
    columns: str,
    head: str,
    lines: Iterable[str],
    environment: Literal["table", "table*"] = "table*",
    column_separation: str = "3.4pt",
) -> str:
    """A floating table: columns as of ``tabular``, head and lines without their ends."""
    named = rf"\label{{{label}}}" if label else ""
    return rf"""\begin{{{environment}}}
  \caption{{{caption}}}{named}
  \centering
  \scriptsize
  \setlength{{\tabcolsep}}{{{column_separation}}}
{tabular(columns, head, lines)}\end{{{environment}}}
"""


def tabular(columns: str, head: str, lines: Iterable[str]) -> str:
    """A table where it stands: columns as of ``tabular``, head and lines without their ends."""
    body = "\n    ".join(line if line == r"\midrule" else rf"{line} \\" for line in lines)
    return rf"""  \begin{{tabular}}{{@{{}}{columns}@{{}}}}
    \toprule
    {head} \\
    \midrule
    {body}
    \bottomrule
  \end{{tabular}}
"""
