"""The page Risk and fraud in each of its states, on a stubbed warehouse."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import UUID

import pytest

from dashboard import definitions
from tests.python.dashboard.pages import UNREACHABLE, OpenPage, captions, metrics, options

PAGE = "app_pages/risk.py"
ONE, TWO = UUID(int=1), UUID(int=2)
TODAY = datetime.now(UTC).date()
MOMENT = datetime(2026, 3, 29, 14, 37, 42, 123456, tzinfo=UTC)
COMPONENTS = ("dispute_rate", "decline_rate", "refund_rate", "geo_share", "velocity", "risk_rating")
TABLES = ("velocity_flags", "bursts", "outliers", "trips", "riskiest", "suspects", "fraud_quality")
RULES = {"shared_device": 25, "new_device": 15, "other_country": 10, "proxy": 10}
RULES |= dict.fromkeys(("declines", "small_amounts", "large_amounts", "round_amounts"), 0)


def rates(**changed: Any) -> list[dict[str, Any]]:
    """The rows `now` and `complete` of a rate."""
    row = {"count_attempted": 100, "geo_mismatch_rate": 0.25}
    return [{**row, "period": period, **changed} for period in ("now", "complete")]


def signals(day: date, attempts: int, trips: int) -> dict[str, Any]:
    """A day of the rules, with the totals of all days."""
    return {
        "drawn_at": day,
        "count_burst_attempts": attempts,
        "count_trips": trips,
        "total_burst_attempts": 60,
        "total_trips": 7,
        "complete_burst_attempts": 40,
        "complete_trips": 5,
    }


def quality(day: date, **changed: Any) -> dict[str, Any]:
    """How good the fraud score was on a day, with the totals of all days."""
    row = {
        "payment_date": day,
        "evaluated_at": MOMENT,
        "suspicious_score": 40,
        "count_measured_payments": 60_000,
        "count_fraud": 250,
        "precision_percent": 98.765,
        "recall_percent": 90.0,
        "best_percent": 100.0,
        "area_under_curve": 0.98765,
        "total_payments": 120_000,
        "total_fraud": 500,
        "total_found": 450,
        "total_precision": 0.9876,
        "total_recall": 0.9,
    }
    return {**row, **changed}


@pytest.fixture(autouse=True)
def rows(warehouse: Any, bare_labels: None) -> Any:
    """What the warehouse answers to this page."""
    yesterday = TODAY - timedelta(days=1)
    paged = {"count_found": 1, "page": 1}
    burst = {"ip": "81.0.0.1", "burst_first_at": MOMENT}
    warehouse.rows.update(
        risk_now=[
            {
                "count_flagged_entities": 3,
                "count_outliers": 4,
                "flagged_volume_share": 0.0123,
            }
        ],
        risk_signals=[signals(yesterday, 40, 5), signals(TODAY, 20, 2)],
        geo_mismatch=rates(),
        geo_mismatch_by_day=[
            {"drawn_at": day, "mismatch_percent": 25.0, "proxy_percent": None}
            for day in (yesterday, TODAY)
        ],
        refunds=rates(
            refunded_amount_eur=Decimal("1234.50500000"),
            refund_activity=0.03,
            refund_activity_by_value=0.02,
        ),
        refunds_by_day=[
            {
                "drawn_at": yesterday,
                "refunded_eur": 10.0,
                "activity_percent": 3.0,
                "activity_by_value_percent": 2.0,
            }
        ],
        disputes=rates(dispute_activity=0.0125, win_rate=0.4),
        disputes_by_day=[
            {
                "drawn_at": yesterday,
                "count_won": 2,
                "count_lost": 3,
                "activity_percent": 1.0,
                "win_percent": 40.0,
            }
        ],
        cohorts=rates(refund_rate=0.021, dispute_rate=0.004),
        cohorts_by_day=[
            {"drawn_at": day, "dispute_rate_percent": 0.4, "refund_rate_percent": 2.1}
            for day in (yesterday, TODAY)
        ],
        vamp=[
            {
                "month_start_date": month,
                "vamp_ratio": ratio,
                "vamp_percent": 100 * ratio,
                "count_excessive": 1,
            }
            for month, ratio in ((date(2026, 11, 1), 0.05), (date(2026, 10, 1), 0.01))
        ],
        vamp_merchants=[
            {
                "month_start_date": date(2026, 11, 1),
                "merchant_id": ONE,
                "merchant_name": "Harbour Books",
                "count_settled_payments": 50_000,
                "count_disputes": 1500,
                "count_reported_fraud": 1000,
                "count_vamp_cases": 2500,
                "vamp_percent": 5.0,
                "is_excessive": True,
            }
        ],
        velocity_flags=[
            {
                "entity_type": "device",
                "entity_id": "dev_'); drop table x --\\",
                "measure": "count_attempted_10m",
                "as_of_minute": MOMENT,
                "count_measured": 31,
                "count_limit": 30,
                "times_limit": 31 / 30,
                "count_attempted_1m": 2,
                "count_attempted_24h": 40,
                **paged,
            }
        ],
        bursts=[
            {
                **burst,
                "ip_country": "",
                "is_proxy_or_vpn": True,
                "burst_last_at": MOMENT + timedelta(seconds=200),
                "count_attempted": 12,
                "count_accounts": 9,
                "count_merchants": 1,
                "attempted_amount_eur": Decimal("36.30500000"),
                "declined_percent": 75.0,
                **paged,
            }
        ],
        burst_details=[
            {
                **burst,
                "merchant_id": ONE,
                "merchant_name": "A #1 shop / café",
                "device_id": "dev_1",
                "count_devices": 1,
                "transaction_id": TWO,
            }
        ],
        outliers=[
            {
                "transaction_id": TWO,
                "account_id": ONE,
                "merchant_id": ONE,
                "merchant_name": None,
                "currency_code": "USD",
                "status": "failed",
                "occurred_at": MOMENT,
                "amount": Decimal("1660.00"),
                "amount_eur": None,
                "count_usual": 11,
                "median_amount": Decimal("1.98"),
                "outlier_score": 1674.8,
            }
        ],
        suspects=[
            {
                "payment_date": TODAY,
                "account_id": ONE,
                "ip": "81.0.0.1",
                "device_id": "dev_'); drop table x --\\",
                "account_country": "DE",
                "ip_country": "",
                "count_attempted": 3,
                "count_declined": 2,
                "count_device_accounts": 7,
                **{f"{rule}_points": points for rule, points in RULES.items()},
                "fraud_score": 60,
                **paged,
            }
        ],
        fraud_thresholds=[
            {"fraud_score": 0, "precision_percent": 0.5, "recall_percent": 100.0},
            {"fraud_score": 60, "precision_percent": 99.0, "recall_percent": 80.0},
        ],
        fraud_quality=[quality(TODAY), quality(yesterday, area_under_curve=None)],
        trips=[
            {
                "account_id": ONE,
                "from_country": "DE",
                "to_country": "JP",
                "departed_at": MOMENT,
                "arrived_at": MOMENT,
                "elapsed_minutes": 3,
                **paged,
            }
        ],
        countries=[
            {
                "home": "DE",
                "seen_in": seen_in,
                "count_attempted": 10,
                "is_mismatch": int(seen_in != "DE"),
                "share_percent": 50.0,
            }
            for seen_in in ("DE", "FR")
        ],
        riskiest=[
            {
                "merchant_id": ONE,
                "merchant_name": "Harbour Books",
                "risk_score": 0.6,
                **{f"{component}_part": 0.1 for component in COMPONENTS},
            }
        ],
    )
    return warehouse


@pytest.fixture
def open_it(open_page: OpenPage) -> OpenPage:
    """Opens the page itself at a URL with these query parameters."""
    return lambda **url: open_page(**url).switch_page(PAGE).run()


def table(app: Any, column: str) -> Any:
    """The table that has this column."""
    (found,) = (frame.value for frame in app.dataframe if column in frame.value.columns)
    return found


def test_it_shows_what_is_flagged_and_how_it_changed(rows: Any, open_it: OpenPage) -> None:
    app = open_it(range="7d")
    assert not app.exception
    assert not app.error
    assert metrics(app) == {
        "Burst attempts": "60",
        "Trips": "7",
        "Outliers": "4",
        "Flagged entities": "3",
        "Flagged volume share": "1.23 %",
        "Geo mismatch rate": "25.00 %",
        "Refunded amount": "€ 1,234.50",
        "Refund activity by value": "0",  # a bare name says nothing of its format
        "Refund activity": "0",
        "Refund rate": "2.10 %",
        "Dispute activity": "0",
        "Dispute rate": "0.40 %",
        "Win rate": "40.00 %",
        "Vamp ratio": "0",
    }
    shown = {metric.label: metric for metric in app.metric}
    # 40 of the whole days against 60 of the week before
    assert shown["Burst attempts"].delta == "-33.3 %"
    assert shown["Win rate"].delta == "0"
    assert len(options(app)) == 7
    assert "up to a minute old" in captions(app)


def test_the_card_of_a_month_names_the_month_before(rows: Any, open_it: OpenPage) -> None:
    card = next(metric for metric in open_it().metric if metric.label == "Vamp ratio")
    assert card.proto.delta_description == "November 2026, so far · Oct 1.00 %"


def defined(monkeypatch: pytest.MonkeyPatch, *metrics: definitions.Metric) -> None:
    """Only these metrics have a definition."""
    known = definitions.Definitions({metric.name: metric for metric in metrics})
    monkeypatch.setattr(definitions, "load", lambda model=definitions.KPI_MODEL: known)


def test_a_figure_that_still_grows_is_marked_and_not_compared(
    rows: Any, monkeypatch: pytest.MonkeyPatch, open_it: OpenPage
) -> None:
    rate = definitions.Metric(
        "refund_rate", "Refund rate", "%", "percent", "down", "Share.", matures_after_days=30
    )
    defined(monkeypatch, rate)
    app = open_it(range="7d")
    assert not app.exception
    shown = {metric.label: metric for metric in app.metric}
    assert (shown["Refund rate"].value, shown["Refund rate"].delta) == ("2.10 %", "")
    assert shown["Refund rate"].proto.delta_description == "immature: grows for 30 days"
    assert shown["Dispute rate"].delta == "0"
    drawn = {one["name"]: one for option in options(app) for one in option["series"]}
    assert drawn["Refund rate, immature"]["lineStyle"] == {"type": "dashed"}
    assert "Refund rate" not in drawn
    assert "dashed: grows until 30 days old" in captions(app)


def test_a_figure_of_old_payments_is_compared(
    rows: Any, monkeypatch: pytest.MonkeyPatch, open_it: OpenPage
) -> None:
    rate = definitions.Metric(
        "refund_rate", "Refund rate", "%", "percent", "down", "Share.", matures_after_days=30
    )
    defined(monkeypatch, rate)
    last = TODAY - timedelta(days=30)
    url = {"from": f"{last - timedelta(days=2)}T00:00", "to": f"{last}T23:59"}
    shown = {metric.label: metric for metric in open_it(**url).metric}
    assert shown["Refund rate"].delta == "0"


def test_the_proxy_of_visas_ratio_has_its_lines_and_its_merchants(
    rows: Any, monkeypatch: pytest.MonkeyPatch, open_it: OpenPage
) -> None:
    ratio = definitions.Metric(
        "vamp_ratio",
        "VAMP ratio (proxy)",
        "%",
        "percent",
        "down",
        "What it is.",
        references={"Acquirer, excessive": 0.007, "Merchant, excessive": 0.015},
    )
    defined(monkeypatch, ratio)
    app = open_it()
    assert not app.exception
    (chart,) = [one for one in options(app) if one["series"][0]["name"] == "VAMP ratio (proxy)"]
    marks = chart["series"][0]["markLine"]["data"]
    assert [mark["yAxis"] for mark in marks] == pytest.approx([0.7, 1.5])
    merchants = table(app, "excessive").iloc[0]
    assert (merchants["cases"], merchants["ratio"], merchants["excessive"]) == (2500, 5.0, True)
    assert merchants["merchant"].startswith(f"/merchants?merchant={ONE}#")
    assert "Acquirer, excessive: 0.70 % · Merchant, excessive: 1.50 %" in captions(app)


def test_of_some_merchants_only_what_is_known_of_them_is_shown(
    rows: Any, open_it: OpenPage
) -> None:
    app = open_it(category="travel")
    assert not app.exception
    shown = metrics(app)
    assert {shown[name] for name in ("Trips", "Geo mismatch rate", "Win rate")} == {"n/a"}
    assert shown["Refund rate"] == "2.10 %"
    asked = {call.name for call in rows.calls}
    assert not asked & {"risk_signals", "geo_mismatch", "velocity_flags", "bursts", "suspects"}
    for name in ("refunds", "disputes", "cohorts", "vamp", "vamp_merchants", "outliers"):
        assert rows.last(name)["category"] == "travel"
    assert captions(app).count("Not known per merchant") == 9


def test_each_row_leads_to_its_payment_merchant_or_payments(rows: Any, open_it: OpenPage) -> None:
    app = open_it()
    burst = table(app, "lasted").iloc[0]
    assert burst["payment"] == f"/payment?payment={TWO}"
    place, _, name = burst["merchant"].partition("#")
    assert place == f"/merchants?merchant={ONE}"
    assert unquote(name) == "A #1 shop / café"
    assert (burst["lasted"], burst["country"], str(burst["volume"])) == (
        "3 min 20 s",
        "unknown",
        "36.30",
    )
    outlier = table(app, "usual").iloc[0]
    assert outlier["payment"] == f"/payment?payment={TWO}"
    assert (outlier["amount"], outlier["eur"]) == ("USD 1,660.00", None)
    trip = table(app, "trip").iloc[0]
    assert trip["trip"] == "DE → JP"
    assert trip["account"] == outlier["account"] == f"/account?account={ONE}"


def test_a_hostile_id_stays_one_literal_of_the_statement(rows: Any, open_it: OpenPage) -> None:
    flagged = table(open_it(), "kind").iloc[0]
    assert (flagged["kind"], flagged["counted"], flagged["limit"]) == ("Device", 31, 30)
    link = urlsplit(flagged["payments"])
    assert link.path == "/sql"
    (statement,) = parse_qs(link.query)["q"]
    assert r"where device_id = 'dev_\'); drop table x --\\'" in statement


def test_a_suspect_comes_with_the_rules_it_breaks(rows: Any, open_it: OpenPage) -> None:
    suspect = table(open_it(), "why").iloc[0]
    assert suspect["score"] == 60
    assert list(suspect["why"]) == [
        "Shared device points 25",
        "New device points 15",
        "Other country points 10",
        "Proxy points 10",
    ]
    assert suspect["countries"] == "DE / ?"
    (statement,) = parse_qs(urlsplit(suspect["payments"]).query)["q"]
    assert r"where device_id = 'dev_\'); drop table x --\\'" in statement


def test_an_unknown_device_leads_to_its_account(rows: Any, open_it: OpenPage) -> None:
    rows.rows["suspects"][0].update(device_id="", ip="")
    suspect = table(open_it(), "why").iloc[0]
    assert (suspect["device"], suspect["ip"]) == (None, None)
    assert suspect["payments"] == f"/account?account={ONE}"


def test_the_quality_says_what_it_was_measured_on(rows: Any, open_it: OpenPage) -> None:
    app = open_it()
    said = captions(app)
    assert "In force: precision 98.76 %, recall 90.00 %" in said
    assert "measured on 120,000 payments, 500 of them labelled as fraud" in said
    assert "last evaluated 29 Mar 14:37 UTC" in said
    days = table(app, "best")
    assert days["day"].tolist() == [TODAY, TODAY - timedelta(days=1)]
    assert days["area"].tolist()[0] == 0.98765


@pytest.mark.parametrize("found", [[], [quality(TODAY, count_fraud=0, total_fraud=0)]])
def test_without_labels_the_score_is_shown_and_not_measured(
    rows: Any, found: list[dict[str, Any]], open_it: OpenPage
) -> None:
    rows.rows["fraud_quality"] = found
    app = open_it()
    assert not app.exception
    assert len(table(app, "why")) == 1
    assert "Not measured: the source has no labels of fraud on these days" in captions(app)
    assert len(options(app)) == 6


def test_a_burst_that_changed_meanwhile_has_no_links(rows: Any, open_it: OpenPage) -> None:
    rows.rows["burst_details"] = []
    app = open_it()
    assert not app.exception
    burst = table(app, "lasted").iloc[0]
    assert burst["payment"] is None
    assert burst["merchant"] is None


def test_pages_go_to_the_server(rows: Any, open_it: OpenPage) -> None:
    rows.rows["velocity_flags"][0].update(count_found=25, page=3)
    app = open_it(velocity_page="3", trips_page="2", bursts_page="7", suspects_page="4")
    assert not app.exception
    assert rows.last("velocity_flags") == {"page": 3, "size": 10}
    assert rows.last("trips")["page"] == 2
    assert rows.last("bursts")["page"] == 7
    assert rows.last("suspects")["page"] == 4
    assert "21–21 of 25" in captions(app)


def test_another_time_begins_at_the_first_page_of_every_table(rows: Any, open_it: OpenPage) -> None:
    names = ("velocity_flags", "trips", "bursts", "suspects")
    for name in names:
        rows.rows[name][0].update(count_found=95, page=3)
    pages = {f"{name}_page": "3" for name in ("velocity", "trips", "bursts", "suspects")}
    app = open_it(**pages, **{"from": "2026-03-01T00:00", "to": "2026-03-03T00:00"})
    assert {rows.last(name)["page"] for name in names} == {3}
    app.button(key="chip_zoom").click().run()
    assert not app.exception
    assert {rows.last(name)["page"] for name in names} == {1}


@pytest.mark.parametrize("value", ["-1", "0", "99999999999", "1 union all select 1", "\x00", "²"])
def test_a_hostile_page_is_the_first_one(rows: Any, value: str, open_it: OpenPage) -> None:
    app = open_it(velocity_page=value, trips_page=value, bursts_page=value, range=value)
    assert not app.exception
    assert {rows.last(name)["page"] for name in ("velocity_flags", "trips", "bursts")} == {1}


def test_without_a_signal_each_table_says_so(rows: Any, open_it: OpenPage) -> None:
    for name in TABLES:
        rows.rows[name] = []
    app = open_it()
    assert not app.exception
    assert [len(frame.value) for frame in app.dataframe] == [1]  # the ratio of merchants
    said = captions(app)
    assert "No account, device or address is above a limit." in said
    assert "No burst of card testing on these days." in said
    assert "No unusual amount in the last 24 hours." in said
    assert "No impossible travel on these days." in said
    assert "Nothing breaks a rule of the fraud score on these days." in said


def test_an_empty_warehouse_says_how_to_fill_it(rows: Any, open_it: OpenPage) -> None:
    rows.rows = {name: [] for name in rows.rows} | {
        "first_day": [{"first_day": None}],
        "freshness": rows.rows["freshness"],
    }
    app = open_it()
    assert not app.exception
    assert any("./finhouse gen --resume" in info.value for info in app.info)
    assert metrics(app)["Flagged volume share"] == "n/a"
    assert not options(app)


def test_without_clickhouse_it_says_what_why_and_fix(rows: Any, open_it: OpenPage) -> None:
    rows.error = UNREACHABLE
    app = open_it()
    assert not app.exception
    assert not app.metric
    assert "Connection refused" in app.error[0].value
    assert captions(app).count("Waiting for the warehouse.") == 17


def test_a_standstill_is_said(rows: Any, open_it: OpenPage) -> None:
    rows.lags([0.1, 0.2, 400.0, 400.0, 400.0])
    assert "kafka → bronze" in open_it().warning[0].value


def test_without_earlier_days_nothing_is_compared(rows: Any, open_it: OpenPage) -> None:
    rows.rows["first_day"] = [{"first_day": TODAY}]
    card = next(metric for metric in open_it(range="7d").metric if metric.label == "Trips")
    assert not card.delta
    assert card.proto.delta_description == "no earlier data"


def test_a_missing_rate_is_no_share(rows: Any, open_it: OpenPage) -> None:
    rows.rows["risk_now"][0]["flagged_volume_share"] = None
    assert metrics(open_it())["Flagged volume share"] == "n/a"
