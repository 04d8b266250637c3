"""What a KPI card says: the exact value, the change in the right unit, and missing rates."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from dashboard import cards, periods
from dashboard.definitions import Better, Definitions, Format, Metric


def defined(name: str, shown_as: Format, better: Better = "up") -> Definitions:
    return Definitions({name: Metric(name, "A label", "", shown_as, better, "What it is.")})


def totals(**changed: Any) -> Mapping[str, Any]:
    return {**cards.NO_PAYMENTS, **changed}


def card(
    name: str,
    shown_as: Format,
    value: Any,
    before: Mapping[str, Any] | None,
    better: Better = "up",
    complete: Any = None,
    **others: Any,
) -> cards.Card:
    now = totals(**{name: value}, **others)
    whole = totals(**{name: value if complete is None else complete})
    return cards.kpi_card(name, defined(name, shown_as, better), now, whole, before, [])


def test_volume_is_shown_to_the_cent() -> None:
    shown = card("successful_amount_eur", "euro", Decimal("12345678.90499999"), None)
    assert shown.value == "€ 12,345,678.90"
    assert (shown.delta, shown.note) == (None, "no earlier data")


def test_the_change_compares_whole_minutes_not_the_running_one() -> None:
    shown = card("count_attempted", "integer", 130, totals(count_attempted=100), complete=120)
    assert (shown.value, shown.delta) == ("130", "+20.0 %")


def test_a_rate_changes_in_percentage_points() -> None:
    shown = card("success_rate", "percent", 0.905, totals(success_rate=0.92))
    assert (shown.value, shown.delta) == ("90.50 %", "-1.50 pp")


def test_no_change_is_the_number_zero_so_that_it_is_drawn_flat() -> None:
    shown = card("count_attempted", "integer", 100, totals(count_attempted=100))
    assert shown.delta == 0


@pytest.mark.parametrize(
    ("better", "color"), [("up", "normal"), ("down", "inverse"), ("none", "off")]
)
def test_the_colour_of_a_change_follows_what_is_better(better: Better, color: str) -> None:
    shown = card("count_attempted", "integer", 2, totals(count_attempted=1), better=better)
    assert shown.delta_color == color


def test_a_missing_rate_is_never_a_number() -> None:
    shown = card(
        "successful_amount_eur",
        "euro",
        None,
        totals(successful_amount_eur=Decimal(5)),
        known_amount_eur=Decimal("7.50"),
        count_minutes_without_rate=3,
    )
    assert shown.value == "n/a: rate missing"
    assert shown.note == "€ 7.50 with a rate"
    assert shown.delta is None


def test_an_average_says_that_a_rate_is_missing_and_draws_no_line() -> None:
    before = totals(average_ticket_eur=Decimal(5))
    shown = card("average_ticket_eur", "euro", None, before, count_minutes_without_rate=1)
    assert (shown.value, shown.note, shown.history) == ("n/a", "rate missing", ())


def test_an_average_of_nothing_is_not_a_missing_rate() -> None:
    assert card("average_ticket_eur", "euro", None, None).value == "n/a"


@pytest.mark.parametrize("before", [0, None])
def test_nothing_before_means_no_percentage(before: int | None) -> None:
    shown = card("count_attempted", "integer", 5, totals(count_attempted=before))
    assert (shown.delta, shown.note) == (None, "not comparable")


def test_a_compact_metric_tells_its_exact_value_in_the_help() -> None:
    shown = card("count_attempted", "compact", 1_234_567, None)
    assert shown.value == "1.2M"
    assert "Exactly 1,234,567." in shown.help


def test_a_window_without_payments_counts_zero() -> None:
    assert cards.totals([], "now")["count_attempted"] == 0
    rows = [{"period": "complete", "count_attempted": 4}, {"period": "now", "count_attempted": 5}]
    assert cards.totals(rows, "now")["count_attempted"] == 5


def test_a_day_card_compares_whole_days_only() -> None:
    known = defined("recovery_rate", "percent")
    now, complete = 0.5, 0.6
    compared = cards.day_card("recovery_rate", known, now, complete, 0.55, "2 days")
    assert (compared.value, compared.delta) == ("50.00 %", "+5.00 pp")
    early = cards.day_card("recovery_rate", known, now, complete, None, "2 days")
    assert (early.delta, early.note) == (None, "no earlier data")
    today = cards.day_card("recovery_rate", known, now, None, None, "today, so far")
    assert (today.delta, today.note) == (None, "today, so far")


@pytest.mark.parametrize(
    ("shown_as", "value", "text"),
    [
        ("decimal", 0.01314, "0.0131"),
        ("decimal", None, "n/a"),
        ("euro", Decimal("1.005"), "€ 1.00"),
        ("euro", None, "n/a: rate missing"),
        ("percent", None, "n/a"),
    ],
)
def test_a_plain_card_has_a_value_and_no_change(shown_as: Format, value: Any, text: str) -> None:
    shown = cards.plain_card("x", defined("x", shown_as), value, "last 30 days", "Of 30 days.")
    assert (shown.value, shown.delta, shown.note) == (text, None, "last 30 days")
    assert shown.help.endswith("Of 30 days.")


def test_what_is_not_known_of_a_choice_has_no_value_and_says_why() -> None:
    shown = cards.unknown_card("x", defined("x", "euro"), "not by currency", "Take it out.")
    assert (shown.value, shown.delta, shown.note) == ("n/a", None, "not by currency")
    assert shown.help.endswith("Take it out.")


def test_an_amount_has_the_sign_of_its_currency_and_no_change_if_none_is_wanted() -> None:
    totals = {**cards.NO_PAYMENTS, "successful_amount_eur": Decimal("12.5")}
    known = defined("successful_amount_eur", "euro")
    shown = cards.kpi_card(
        "successful_amount_eur", known, totals, totals, None, [], "USD", compared=False
    )
    assert (shown.value, shown.delta) == ("USD 12.50", None)
    assert "earlier" not in shown.note


def test_a_gap_in_a_sparkline_repeats_the_value_before_it() -> None:
    known = defined("count_active_accounts", "integer")
    shown = cards.day_card(
        "count_active_accounts", known, 1, None, None, "today", [None, 2.0, None, 3.0]
    )
    assert shown.history == (0.0, 2.0, 2.0, 3.0)


def test_totals_of_days_are_compared_without_today() -> None:
    days = periods.Days(date(2026, 3, 28), date(2026, 3, 29))
    rows = [
        {"period": "now", "net_revenue_eur": Decimal(30)},
        {"period": "complete", "net_revenue_eur": Decimal(20)},
    ]
    before = [{"period": "now", "net_revenue_eur": Decimal(25)}]
    known = defined("net_revenue_eur", "euro")
    shown = cards.totals_card("net_revenue_eur", known, rows, before, days)
    assert (shown.value, shown.delta) == ("€ 30.00", "-20.0 %")
    alone = cards.totals_card("net_revenue_eur", known, rows, None, days)
    assert (alone.delta, alone.note) == (None, "no earlier data")
    unwanted = cards.totals_card("net_revenue_eur", known, rows, None, days, compared=False)
    assert unwanted.note == cards.NOT_COMPARED


@pytest.mark.parametrize(
    ("rows", "shown"),
    [([{"period": "now", "net_revenue_eur": None}], "n/a: rate missing"), ([], "n/a")],
)
def test_an_amount_without_a_rate_is_told_from_days_without_any(
    rows: list[dict[str, Any]], shown: str
) -> None:
    days = periods.Days(date(2026, 3, 28), date(2026, 3, 29))
    known = defined("net_revenue_eur", "euro")
    assert cards.totals_card("net_revenue_eur", known, rows, None, days).value == shown


def test_a_length_of_time_is_said_as_a_person_says_it() -> None:
    assert cards.show(7500, "seconds") == "2 h 5 min"
    assert cards.show(None, "seconds") == "n/a"


@pytest.mark.parametrize(("last", "delta"), [(29, "-0.50 pp"), (30, None)])
def test_what_still_grows_is_not_compared_with_what_had_more_time(
    last: int, delta: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Metric, "grows_from", lambda metric, today: date(2026, 3, 30))
    days = periods.Days(date(2026, 3, 20), date(2026, 3, last), is_filling=False)
    rows = [{"period": period, "refund_rate": 0.02} for period in ("now", "complete")]
    before = [{"period": "now", "refund_rate": 0.025}]
    known = defined("refund_rate", "percent", "down")
    shown = cards.cohort_card("refund_rate", known, rows, before, days)
    assert (shown.value, shown.delta) == ("2.00 %", delta)
    assert ("immature" in shown.note) == (delta is None)
