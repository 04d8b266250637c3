"""The chart of the page Accounts: a cell that is not known is blank, not 0."""

from __future__ import annotations

from datetime import date
from typing import Any

from dashboard import charts_accounts


def cell(week: int, percent: float | None, cohort: date = date(2026, 3, 2)) -> dict[str, Any]:
    return {
        "cohort_week": cohort,
        "week_number": week,
        "cohort_size": 1_200,
        "count_retained": 600,
        "accounts_percent": percent,
    }


def test_a_cell_that_is_not_known_is_blank_and_not_0() -> None:
    rows = [cell(0, 50.0), cell(1, None), cell(2, 0.0)]
    frame = charts_accounts.cohort_frame(rows, "accounts_percent")
    assert frame["week"].tolist() == ["0", "2"]
    assert frame["percent"].tolist() == [50.0, 0.0]
    assert frame["shown"].tolist() == ["50.0 %", "0.0 %"]


def test_cohorts_are_rows_and_weeks_columns_in_their_order() -> None:
    later = date(2026, 3, 9)
    rows = [cell(0, 50.0), cell(10, 10.0), cell(9, 20.0), cell(0, 40.0, later)]
    option = charts_accounts.cohort_option(charts_accounts.cohort_frame(rows, "accounts_percent"))
    assert option["xAxis"]["data"] == ["0", "9", "10"]
    assert option["yAxis"]["data"] == ["02 Mar 2026", "09 Mar 2026"]
    assert (option["visualMap"]["min"], option["visualMap"]["max"]) == (10.0, 50.0)


def test_equal_cells_have_a_scale() -> None:
    frame = charts_accounts.cohort_frame([cell(0, 5.0)], "accounts_percent")
    scale = charts_accounts.cohort_option(frame)["visualMap"]
    assert scale["max"] > scale["min"]
