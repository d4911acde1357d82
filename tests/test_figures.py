"""Names in figures: their place depends on the data alone, and all can be read."""

from itertools import count

import adjustText
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from moe_core.figures.order import strategies
from moe_core.figures.style import draw_control, ink, look, move_apart, point_text, save
from moe_core.provenance import file_sha256


def places() -> np.ndarray:
    """Where the names of crowded points end up."""
    _, axes = plt.subplots(figsize=(3, 2))
    points = np.random.default_rng(0).normal(size=(12, 2))
    axes.scatter(*points.T)
    names = [point_text(axes, x, y, f"strategy {i}", (0, 0, 0)) for i, (x, y) in enumerate(points)]
    move_apart(axes, names, *points.T)
    plt.close()
    return np.array([name.get_position() for name in names])


def test_names_are_placed_alike_on_a_slow_machine(monkeypatch):
    quick = places()
    hours = count(step=3600)
    monkeypatch.setattr(adjustText, "timer", lambda: next(hours))
    assert np.array_equal(places(), quick)


def contrast_on_white(color) -> float:
    """WCAG 2.2, by its own piecewise formula."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color]
    return 1.05 / (np.dot(linear, (0.2126, 0.7152, 0.0722)) + 0.05)


@pytest.mark.parametrize("name", strategies())
def test_each_name_can_be_read_on_white(name):
    assert contrast_on_white(ink(look(name).color)) > 4.5


def test_a_dark_color_stays():
    assert ink((0.1, 0.2, 0.3)) == (0.1, 0.2, 0.3)


@pytest.mark.parametrize(
    ("bits_per_byte", "text"),
    [(0.5, "5-gram: 0.50, below this range"), (9.0, "5-gram: 9.00, above this range")],
)
def test_a_control_far_away_is_noted_outside_the_data(bits_per_byte, text):
    figure, axes = plt.subplots()
    axes.plot([2.0, 3.0])
    draw_control(axes, pd.Series({"label": "5-gram", "bits_per_byte": bits_per_byte}))
    figure.canvas.draw()
    (note,) = axes.texts
    assert note.get_text() == text
    assert note.get_window_extent().y0 > axes.get_window_extent().y1
    assert not axes.lines[1:]
    plt.close(figure)


def test_a_control_among_the_data_is_a_line():
    figure, axes = plt.subplots()
    axes.plot([2.0, 3.0])
    draw_control(axes, pd.Series({"label": "5-gram", "bits_per_byte": 1.9}))
    assert axes.lines[1].get_ydata()[0] == 1.9
    assert axes.texts[0].get_text() == "5-gram"
    plt.close(figure)


def test_a_figure_names_what_it_was_drawn_from_and_repeats(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("x,y\n0,1\n")
    drawn = []
    for name in ("first", "second"):
        pdf, png = tmp_path / f"{name}.pdf", tmp_path / f"{name}.png"
        save(plt.subplots(figsize=(1, 1))[0], pdf, png, table)
        drawn.append(pdf.read_bytes() + png.read_bytes())
    assert drawn[0] == drawn[1]
    source = f"{table} sha256 {file_sha256(table)}"
    assert Image.open(png).text["Source"] == source
    assert f"/Subject ({source})".encode() in pdf.read_bytes()
