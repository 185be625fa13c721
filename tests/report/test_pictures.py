"""Pictures and the parts that draw: read back by a decoder that is not ours, and checked against known sounds."""

import io

import numpy as np
import pytest
from PIL import Image

from sidestep_tui.dataset.audio import SAMPLE_RATE
from sidestep_tui.dataset.png import write_png
from sidestep_tui.dataset.spectrogram import spectrogram_picture
from sidestep_tui.report.html import Html, element, table, text
from sidestep_tui.report.lines import Line, chart, smoothed, thinned
from sidestep_tui.report.pictures import waveform_picture


def sine(hertz, seconds=2.0):
    t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return np.stack([np.sin(2 * np.pi * hertz * t)] * 2).astype(np.float32)


def test_a_png_is_read_back_by_another_decoder():
    indices = np.arange(12, dtype=np.uint8).reshape(3, 4)
    palette = np.arange(36, dtype=np.uint8).reshape(12, 3) * 7
    with Image.open(io.BytesIO(write_png(indices, palette))) as picture:
        assert (np.asarray(picture.convert("RGB")) == palette[indices]).all()


@pytest.mark.parametrize("hertz", [100, 1000, 10_000])
def test_a_sine_is_a_bright_line_at_its_height(hertz):
    with Image.open(io.BytesIO(spectrogram_picture(sine(hertz)))) as picture:
        light = np.asarray(picture.convert("L"), dtype=float).mean(axis=1)
    expected = (1 - np.log(hertz / 40) / np.log(20_000 / 40)) * light.size
    assert abs(np.flatnonzero(light == light.max()).mean() - expected) <= 2
    assert light.max() > 3 * np.median(light)


@pytest.mark.parametrize("samples", [1, 100, 5000])
def test_the_shortest_sounds_have_pictures(samples):
    sound = np.full((2, samples), 0.5, dtype=np.float32)
    assert "<path" in waveform_picture(sound)
    with Image.open(io.BytesIO(spectrogram_picture(sound))) as picture:
        assert picture.size[0] >= 1


def test_a_waveform_reaches_as_far_as_the_sound():
    heights = [
        int(point.split(" ")[1]) for point in waveform_picture(sine(50)).split('d="M')[1].split("Z")[0].split("L")
    ]
    assert (min(heights), max(heights)) == (0, 100)


def test_text_never_becomes_markup():
    assert element("p", "<b>", Html("<i></i>"), None, title='"x"', hidden=True, data_a=None) == (
        '<p title="&quot;x&quot;" hidden>&lt;b&gt;<i></i></p>'
    )
    assert text("a\tb\nc\x07") == "a b\nc\\x07"
    assert "<td>&lt;td&gt;</td>" in table(["<h>"], [["<td>"]])


def test_thinning_keeps_every_extreme():
    y = np.random.default_rng(0).normal(size=10_001)
    y[[5, 77, 9000]] = np.nan, 50, -50
    x, thin = thinned(np.arange(10_001.0), y, 100)
    assert x.size == thin.size == 200
    assert (thin.max(), thin.min()) == (50, -50)
    assert (np.diff(x) >= 0).all()


def test_smoothing_of_a_constant_is_the_constant_from_the_first_point_on():
    values = np.full(100, 3.0)
    values[[0, 50]] = np.nan
    means = smoothed(values)
    assert np.isnan(means[0])
    assert means[1:] == pytest.approx(3.0)


def test_one_point_nothing_and_no_positive_value_can_be_drawn():
    def line(*values):
        return Line("a", "first", np.arange(float(len(values))), np.array(values), marked=True)

    assert chart("a", "A", [line()]) == ""
    assert chart("a", "A", [line(float("nan"))]) == ""
    for values in ((1.0,), (0.0, 0.0), (-1.0, 2.0), (1.0, float("nan"), 1.0)):
        drawn = chart("a", "A", [line(*values)])
        assert drawn.count("<svg") == 3
        assert "nan" not in drawn
