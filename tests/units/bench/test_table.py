"""Results become tables; the documents get them between two marks."""

from pathlib import Path

import pytest

from bench.budgets import BUDGETS
from bench.results import Figure, Metric, Recorder, load
from bench.servers import OFFICIAL, OURS
from bench.table import BEGIN, END, as_markdown, cells, keeps_budget, write_into

SYNC = Metric("sync.up.1.wall", "1 note up: time", "ms")
RATE = Metric("users.16.rate", "16 users: syncs", "1/s", more_is_better=True)


def test_a_row_has_medians_spread_ratio_and_budget() -> None:
    row = cells(Figure("", SYNC, [1.0, 3.0, 2.0], [1000.0, 1000.0]))
    assert row == (
        "1 note up: time, ms",
        "2.00 (1.00 – 3.00)",
        "1000 (1000 – 1000)",
        "0.002",
        f"≤ {BUDGETS[SYNC.key]:g}",
    )


def test_less_keeps_the_budget_of_a_time_and_more_that_of_a_rate() -> None:
    for metric, fewer_is_kept in ((SYNC, True), (RATE, False)):
        assert keeps_budget(Figure("", metric, [1.0], [10.0])) is fewer_is_kept
        assert keeps_budget(Figure("", metric, [100.0], [10.0])) is not fewer_is_kept


def test_what_was_not_measured_on_both_keeps_no_budget() -> None:
    assert keeps_budget(Figure("", SYNC, [1.0], [])) is None


def test_stored_results_are_read_again(tmp_path: Path) -> None:
    recorder = Recorder("short")
    recorder.measurement = "One client"
    recorder.add(SYNC, OURS, 20.0)
    recorder.add(SYNC, OFFICIAL, 10.0)
    recorder.note("key", "A sentence.")
    recorder.save(tmp_path / "new" / "results.json")

    markdown = as_markdown(load(tmp_path / "new" / "results.json"))

    assert "**One client**" in markdown
    assert "| 1 note up: time, ms | 20.0 | 10.0 | **2** | ≤ 0.9 |" in markdown
    assert "- A sentence." in markdown


def test_a_table_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text(f"above\n{BEGIN}\n\nold\n{END}\nbelow\n", encoding="utf-8")
    for _time in range(2):
        write_into(document, "new")
    assert document.read_text("utf-8") == f"above\n{BEGIN}\n\nnew\n{END}\nbelow\n"


def test_a_document_without_marks_is_left_alone(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text(f"{BEGIN} but no end", encoding="utf-8")
    with pytest.raises(ValueError, match="lacks the line"):
        write_into(document, "new")
    assert document.read_text("utf-8") == f"{BEGIN} but no end"


def test_the_real_document_has_the_marks() -> None:
    text = (Path(__file__).parents[3] / "docs" / "performance.md").read_text(encoding="utf-8")
    assert 0 < text.index(BEGIN) < text.index(END)
