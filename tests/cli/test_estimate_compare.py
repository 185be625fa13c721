"""Two rankings compared from the command line."""

import pytest

from sidestep_tui.cli.estimate_compare import rank_correlation
from sidestep_tui.runs.sensitivity_file import write_sensitivity


def _write(path, order, data="d"):
    ranking = [{"module": name, "sensitivity": 1 / place, "stderr": 0.1} for place, name in enumerate(order, start=1)]
    proposal = [{"module": order[0], "rank": 9, "alpha": 18}]
    write_sensitivity(path, {"model": "m", "data": data, "batches": 3, "ranking": ranking, "proposal": proposal})
    return str(path)


def test_correlation_is_spearmans():
    assert rank_correlation(("a", "b", "c", "d"), ("a", "b", "c", "d")) == 1
    assert rank_correlation(("a", "b", "c", "d"), ("d", "c", "b", "a")) == -1
    assert rank_correlation(("a", "b", "c"), ("b", "a", "c")) == pytest.approx(0.5)


def test_what_moved_is_named(sidestep, tmp_path):
    first = _write(tmp_path / "a.json", ["x", "y", "z", "w"])
    second = _write(tmp_path / "b.json", ["w", "x", "y", "z"], data="other")
    document = sidestep("estimate", "compare", first, second, "--json").json()
    assert document["moved"][0] == {"module": "w", "first": 4, "second": 1, "first_rank": None, "second_rank": 9}
    assert (document["same_model"], document["same_songs"]) == (True, False)
    assert document["rank_correlation"] == pytest.approx(1 - 6 * 12 / 60)
    text = sidestep("estimate", "compare", first, second).out
    assert "another set of songs" in text


def test_what_cannot_be_compared_is_refused(sidestep, tmp_path):
    first = _write(tmp_path / "a.json", ["x"])
    assert sidestep("estimate", "compare", first, _write(tmp_path / "b.json", ["y"])).code == 2
    (tmp_path / "c.json").write_text("{}")
    assert sidestep("estimate", "compare", first, str(tmp_path / "c.json")).code == 1
