"""Builds what a KPI card says from query rows: value, change, and the words around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

from dashboard import formats
from dashboard.definitions import Definitions, Format, Metric
from dashboard.periods import Days

Number = int | float | Decimal
DeltaColor = Literal["normal", "inverse", "off"]

_COLORS: Mapping[str, DeltaColor] = {"up": "normal", "down": "inverse", "none": "off"}

NO_EARLIER_DATA = "no earlier data"
NOT_COMPARED = "\N{NO-BREAK SPACE}"

# A window without a single payment has no row at all.
NO_PAYMENTS: Mapping[str, Any] = {
    "count_attempted": 0,
    "count_decided": 0,
    "count_successful": 0,
    "attempted_amount_eur": Decimal(0),
    "known_amount_eur": Decimal(0),
    "count_minutes_without_rate": 0,
    "successful_amount_eur": Decimal(0),
    "average_ticket_eur": None,
    "success_rate": None,
}


@dataclass(frozen=True, slots=True)
class Card:
    """One KPI as shown; `delta` 0 means flat, None means nothing to compare with."""

    label: str
    value: str
    delta: str | int | None
    delta_color: DeltaColor
    note: str
    help: str
    history: tuple[float, ...]


def totals(rows: Sequence[Mapping[str, Any]], period: str) -> Mapping[str, Any]:
    """The row of one period of the `kpis` query."""
    return next((row for row in rows if row["period"] == period), NO_PAYMENTS)


def kpi_card(
    name: str,
    definitions: Definitions,
    now: Mapping[str, Any],
    complete: Mapping[str, Any],
    before: Mapping[str, Any] | None,
    history: Sequence[float | None],
    sign: str = "€",
    compared: bool = True,
) -> Card:
    """The card of a metric that `kpis` computes; `before` None: no data that far back.

    `sign`: the currency of amounts. `compared`: whether a comparison is wanted.
    """
    metric = definitions.metric(name)
    value = now[name]
    note: str = NO_EARLIER_DATA if compared else NOT_COMPARED
    delta: str | int | None = None
    if before is not None:
        note, delta = _change(metric, complete[name], before[name])
    shown = show(value, metric.format, sign)
    if value is None and (name.endswith("_amount_eur") or now["count_minutes_without_rate"]):
        note, history = "rate missing", ()
        if name.endswith("_amount_eur"):
            shown = formats.NO_RATE
        if name == "successful_amount_eur":
            note = f"{formats.money(now['known_amount_eur'], sign)} with a rate"
    return Card(
        label=metric.label,
        value=shown,
        delta=delta,
        delta_color=_COLORS[metric.better],
        note=note,
        help=_help(metric, value, "Compares whole minutes; the value counts the running minute."),
        history=_drawable(history),
    )


def day_card(
    name: str,
    definitions: Definitions,
    now: Number | None,
    complete: Number | None,
    before: Number | None,
    period: str,
    history: Sequence[float | None] = (),
    compared: bool = True,
) -> Card:
    """The card of a metric known per UTC day; `complete` leaves out today, as `before` does.

    `compared`: whether a comparison is wanted.
    """
    metric = definitions.metric(name)
    note = period
    delta: str | int | None = None
    if complete is not None:
        note = NO_EARLIER_DATA if compared else NOT_COMPARED
        if before is not None:
            note, delta = _change(metric, complete, before)
    return Card(
        label=metric.label,
        value=show(now, metric.format),
        delta=delta,
        delta_color=_COLORS[metric.better],
        note=note,
        help=_help(metric, now, f"Counts UTC days: {period}. Compares whole days."),
        history=_drawable(history),
    )


def totals_card(
    name: str,
    definitions: Definitions,
    rows: Sequence[Mapping[str, Any]],
    before: Sequence[Mapping[str, Any]] | None,
    days: Days,
    history: Sequence[float | None] = (),
    compared: bool = True,
) -> Card:
    """The card of a metric that a query has as `totals` of the days, as `day_card` has it.

    An amount that has a row and no value lacks a rate.
    """
    now = totals(rows, "now")
    card = day_card(
        name,
        definitions,
        now.get(name),
        totals(rows, "complete").get(name) if days.complete else None,
        totals(before, "now").get(name) if before is not None else None,
        "today, so far" if days.complete is None else days.words,
        history,
        compared,
    )
    if name in now and now[name] is None and definitions.metric(name).format == "euro":
        return replace(card, value=formats.NO_RATE)
    return card


def cohort_card(
    name: str,
    definitions: Definitions,
    rows: Sequence[Mapping[str, Any]],
    before: Sequence[Mapping[str, Any]] | None,
    days: Days,
    history: Sequence[float | None] = (),
    compared: bool = True,
) -> Card:
    """The card of what became of the payments of the days, as `totals_card` has it.

    Older payments had more time: what still grows is not compared with theirs.
    """
    metric = definitions.metric(name)
    grows_from = metric.grows_from(datetime.now(UTC).date())
    if grows_from is None or days.last < grows_from:
        return totals_card(name, definitions, rows, before, days, history, compared)
    return plain_card(
        name,
        definitions,
        totals(rows, "now").get(name),
        f"immature: grows for {metric.matures_after_days} days",
        f"Of the payments of {days.words}. Not compared: older payments had more time.",
    )


def sampled(card: Card, totals: Mapping[str, Any], count: str, interval: str, what: str) -> Card:
    """The card of a rate, with how many it is of and its 95 % interval; of few without a change.

    `count` is the column of `totals` with how many, `interval` begins the names of its ends.
    """
    found = totals.get(count)
    if not found:
        return card
    ends = [totals.get(f"{interval}_{end}_percent") for end in ("low", "high")]
    said = f"Of {found:,} {what}."
    if None not in ends:
        said += f" 95 % interval: {formats.interval(*ends)}."
    card = replace(card, help=f"{card.help}\n\n{said}")
    if found >= formats.ENOUGH:
        return card
    return replace(card, delta=None, delta_color="off", note=f"only {found:,} {what}")


def plain_card(
    name: str, definitions: Definitions, value: Number | None, note: str, reading: str
) -> Card:
    """The card of a metric that has nothing to be compared with; `reading` says what it covers."""
    metric = definitions.metric(name)
    unknown = value is None and metric.format == "euro"
    return Card(
        label=metric.label,
        value=formats.NO_RATE if unknown else show(value, metric.format),
        delta=None,
        delta_color="off",
        note=note,
        help=_help(metric, value, reading),
        history=(),
    )


def unknown_card(name: str, definitions: Definitions, note: str, reading: str) -> Card:
    """The card of a metric that is not known of what is chosen; `note` says so, `reading` why."""
    card = plain_card(name, definitions, None, note, reading)
    return replace(card, value=formats.NOTHING)


def show(value: Number | None, shown_as: Format, sign: str = "€") -> str:
    """A metric's value in the format its definition asks for; `sign` is an amount's currency."""
    if value is None:
        return formats.NOTHING
    if shown_as == "euro":
        return formats.money(Decimal(value), sign)
    if shown_as == "percent":
        return formats.percent(float(value))
    if shown_as == "compact":
        return formats.compact(value)
    if shown_as == "decimal":
        return formats.decimal(value)
    if shown_as == "seconds":
        return formats.seconds(float(value))
    return formats.integer(int(value))


def _change(
    metric: Metric, value: Number | None, before: Number | None
) -> tuple[str, str | int | None]:
    """What stands beside the delta, and the delta: points for rates, percent for the rest."""
    if value is None or not before:
        return "not comparable", None
    if metric.format == "percent":
        points = round(100 * (float(value) - float(before)), 2)
        return "", f"{points:+.2f} pp" if points else 0
    change = round(float(100 * (Decimal(value) / Decimal(before) - 1)), 1)
    return "", f"{change:+,.1f} %" if change else 0


def _help(metric: Metric, value: Number | None, reading: str) -> str:
    exact = ""
    if metric.format == "compact" and value is not None:
        exact = f"Exactly {value:,}. "
    return f"{exact}{metric.description}\n\n{reading}"


def _drawable(history: Sequence[float | None]) -> tuple[float, ...]:
    """A sparkline's points; a gap is drawn as the last known value before it."""
    drawn: list[float] = []
    for value in history:
        drawn.append(value if value is not None else drawn[-1] if drawn else 0.0)
    return tuple(drawn)
