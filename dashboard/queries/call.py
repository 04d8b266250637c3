"""A query of the dashboard: its name, SQL over gold, and the parameters that go with it.

Values reach ClickHouse as server-side parameters only. Money stays Decimal; a sum in EUR is NULL
as soon as one payment in it has no exchange rate, because a partial sum would look like a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from dashboard.periods import Days

Parameter = str | int

_PAGE = """placed as (
    select
        *,
        row_number() over (order by {order}) as place,
        count() over () as count_found
    from {rows}
),

paged as (
    -- a page behind the last one is the last one
    select
        *,
        least({page:UInt32}, intDiv(count_found + {size:UInt32} - 1, {size:UInt32})) as page
    from placed
)

select
    {columns},
    count_found,
    page
from paged
where place > (page - 1) * {size:UInt32} and place <= page * {size:UInt32}
order by place
"""


@dataclass(frozen=True, slots=True)
class Call:
    """A query with its parameters, ready to run; equal calls may share one answer."""

    name: str
    sql: str
    parameters: tuple[tuple[str, Parameter], ...] = ()


def between(name: str, sql: str, start: datetime, end: datetime, **parameters: Parameter) -> Call:
    """A call for [start, end), UTC: parameters `from` and `to` beside the others."""
    period = {"from": text(start), "to": text(end)}
    return Call(name, sql.strip(), tuple({**period, **parameters}.items()))


def of_days(name: str, sql: str, first: date, after: date, **parameters: Parameter) -> Call:
    """A call for the UTC days [first, after): parameters `from` and `to` beside the others."""
    days = {"from": first.isoformat(), "to": after.isoformat()}
    return Call(name, sql.strip(), tuple({**days, **parameters}.items()))


def totals(name: str, sql: str, days: Days, **parameters: Parameter) -> Call:
    """A call for the days, whose rows are the totals `now` and, without today, `complete`."""
    complete_to = days.open_from.isoformat()
    return of_days(name, sql, days.first, days.after, complete_to=complete_to, **parameters)


def one_page(rows: str, order: str, columns: Sequence[str]) -> str:
    """SQL, after `with`: one page of `rows` (what stands behind a FROM) in an order that is total.

    Parameters `page`, from 1, and `size`; beside the columns `count_found` of all, and the `page`
    that it is.
    """
    listed = ",\n    ".join(columns)
    return _PAGE.replace("{order}", order).replace("{rows}", rows).replace("{columns}", listed)


def wilson(name: str, part: str, whole: str) -> str:
    """SQL of two columns, `<name>_low_percent` and `<name>_high_percent`: the ends of the 95 %
    interval of the share `part` / `whole` of counts; NULL of nothing.

    Wilson's score interval: E. B. Wilson, "Probable Inference, the Law of Succession, and
    Statistical Inference", Journal of the American Statistical Association 22 (1927), 209-212.
    """
    ends = [
        f"""    case
        when {whole} > 0 then 100 * greatest(
            0,
            {part} + 1.96 * 1.96 / 2
            {sign} 1.96 * sqrt({part} * ({whole} - {part}) / {whole} + 1.96 * 1.96 / 4)
        ) / ({whole} + 1.96 * 1.96)
    end as {name}_{side}_percent"""
        for side, sign in (("low", "-"), ("high", "+"))
    ]
    return ",\n".join(ends)


def text(moment: datetime) -> str:
    """A moment as a parameter: text, so that no driver turns it into another time zone."""
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def seconds(length: timedelta) -> int:
    """A length as a parameter."""
    return length // timedelta(seconds=1)
