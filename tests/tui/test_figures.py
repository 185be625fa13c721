"""Figures as people read them."""

import math

import pytest

from sidestep_tui.tui.figures import age, count, duration, number, share, size


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (math.inf, "–"),
        (0, "0 s"),
        (59.4, "59 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 05 min"),
        (3 * 86400 + 4 * 3600, "3 d 4 h"),
    ],
)
def test_duration(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(-5, "now"), (59, "now"), (300, "5 min"), (7200, "2 h"), (864_000, "10 d")]
)
def test_age(seconds: float, text: str) -> None:
    assert age(seconds) == text


@pytest.mark.parametrize(
    ("bytes_", "text"), [(None, "–"), (512, "512 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (24 * 2**30, "24 GiB")]
)
def test_size(bytes_: int | None, text: str) -> None:
    assert size(bytes_) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (math.nan, "NaN"),
        (0.0, "0"),
        (0.123456, "0.1235"),
        (1e-4, "1e-4"),
        (4.74e-5, "4.74e-5"),
        (123456.0, "1.23e5"),
    ],
)
def test_number(value: float | None, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(("value", "digits", "text"), [(1250.0, 3, "1250"), (12345.6, 4, "12346"), (150.0, 2, "150")])
def test_a_number_with_more_places_than_digits_is_whole(value: float, digits: int, text: str) -> None:
    assert number(value, digits) == text


def test_share_and_count() -> None:
    assert (share(0.124), share(None), count(1234567)) == ("12 %", "–", "1 234 567")
