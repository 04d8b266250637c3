"""Random filters on the real stack: the screen shows what silver says and what Postgres says.

Payments of a few days are planted, then each combination of filters opens a page at its URL. What
the cards show is compared with two questions that know nothing of gold: one to the state tables of
silver, one to the source. FINHOUSE_FILTER_SEED replays a failure.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from random import Random
from typing import Any, LiteralString
from uuid import UUID, uuid4

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard import definitions
from infra.settings import ROOT
from tests.python.stack.world import World

pytestmark = pytest.mark.stack

COMBINATIONS = 36
PAYMENTS = 240
CATEGORIES = ("travel", "groceries", "fashion")
COUNTRIES = ("DE", "FR", "GR")
CURRENCIES = ("EUR", "USD", "GBP")
STATUSES = ("success", "success", "success", "failed", "pending")
MODES = {"booked": "Booked EUR", "constant": "Constant EUR", "original": "Original currency"}
DAY = timedelta(days=1)

SILVER = """
with
payments as (
    select
        t.transaction_id as id,
        any(t.amount) as amount,
        any(t.currency) as currency,
        any(t.status) as status,
        if(
            {mode:String} = 'original' or currency = 'EUR',
            toDecimal64(1, 6),
            argMaxIf(
                f.rate_to_eur,
                f.rate_date,
                f.rate_date
                    <= if({mode:String} = 'constant', {valuation:Date}, toDate(t.occurred_at))
            )
        ) as rate
    from (select * from silver.transactions_state final where _is_deleted = 0) as t
    left join (select * from silver.merchants_state final where _is_deleted = 0) as m
        on t.merchant_id = m.merchant_id
    left join (select * from silver.fx_rates_state final where _is_deleted = 0) as f
        on t.currency = f.currency
    where
        t.occurred_at >= {begin:DateTime('UTC')}
        and t.occurred_at < {end:DateTime('UTC')}
        and (
            empty({category:Array(String)})
            or has({category:Array(String)}, ifNull(m.merchant_category, 'unknown'))
        )
        and (
            empty({country:Array(String)})
            or has({country:Array(String)}, ifNull(m.country, 'unknown'))
        )
        and (empty({currency:Array(String)}) or has({currency:Array(String)}, t.currency))
        and (empty({status:Array(String)}) or has({status:Array(String)}, t.status))
    group by id
)

select
    count() as attempted,
    countIf(status != 'pending') as decided,
    countIf(status = 'success') as successful,
    ifNull(sumIf(toDecimal128(amount, 8) * rate, status = 'success'), 0) as volume,
    ifNull(sumIf(toDecimal128(amount, 8) * rate, status != 'pending'), 0) as decided_volume,
    countIf(status = 'pending') as pending
from payments
settings join_use_nulls = 1
"""

SOURCE: LiteralString = """
select
    count(*),
    count(*) filter (where status <> 'pending'),
    count(*) filter (where status = 'success'),
    coalesce(sum(amount * rate) filter (where status = 'success'), 0),
    coalesce(sum(amount * rate) filter (where status <> 'pending'), 0),
    count(*) filter (where status = 'pending')
from (
    select
        t.amount,
        t.status,
        case
            when %(mode)s = 'original' or t.currency = 'EUR' then 1
            else (
                select f.rate_to_eur
                from finance.fx_rates as f
                where
                    f.currency = t.currency
                    and f.rate_date <= case
                        when %(mode)s = 'constant' then %(valuation)s::date
                        else (t.occurred_at at time zone 'UTC')::date
                    end
                order by f.rate_date desc
                limit 1
            )
        end as rate
    from finance.transactions as t
    left join finance.merchants as m on t.merchant_id = m.merchant_id
    where
        t.occurred_at >= %(begin)s
        and t.occurred_at < %(end)s
        and (%(category)s::text[] = '{}'
            or coalesce(m.merchant_category, 'unknown') = any(%(category)s::text[]))
        and (%(country)s::text[] = '{}'
            or coalesce(m.country, 'unknown') = any(%(country)s::text[]))
        and (%(currency)s::text[] = '{}' or t.currency = any(%(currency)s::text[]))
        and (%(status)s::text[] = '{}' or t.status = any(%(status)s::text[]))
) as payments
"""


@dataclass(frozen=True, slots=True)
class Truth:
    """What both ends say of a selection; amounts exact."""

    attempted: int
    decided: int
    successful: int
    volume: Decimal
    decided_volume: Decimal
    pending: int


@dataclass(frozen=True, slots=True)
class Asked:
    """One combination: a page, its URL, and the same in values."""

    page: str
    begin: datetime
    end: datetime
    mode: str
    by_value: bool
    chosen: Mapping[str, Sequence[str]]

    @property
    def url(self) -> dict[str, str | list[str]]:
        """The query parameters of the page."""
        url: dict[str, str | list[str]] = {name: list(one) for name, one in self.chosen.items()}
        if self.page != "fx":
            url |= {"from": f"{self.begin:%Y-%m-%dT%H:%M}", "to": f"{self.end:%Y-%m-%dT%H:%M}"}
        if self.page == "acceptance":
            return url | {"rates_by": "Value" if self.by_value else "Payments"}
        return url | ({"amounts": MODES[self.mode]} if self.mode != "booked" else {})

    @property
    def valuation(self) -> date:
        """The last day of the time."""
        return (self.end - timedelta(minutes=1)).date()

    @property
    def values(self) -> dict[str, Any]:
        """Parameters of both questions."""
        names = ("category", "country", "currency", "status")
        lists = {name: list(self.chosen.get(name, ())) for name in names}
        return {
            "begin": self.begin,
            "end": self.end,
            "mode": self.mode,
            "valuation": self.valuation,
            **lists,
        }


def random_combination(rng: Random, first: datetime, last: datetime) -> Asked:
    """A page with values for some of what it offers, over whole hours of [first, last)."""
    page = rng.choice(("overview", "overview", "acceptance", "explore", "fx"))
    offered = {
        "overview": ("category", "country", "currency"),
        "acceptance": ("category", "country", "currency"),
        "explore": ("category", "country", "currency", "status"),
        "fx": ("currency",),
    }[page]
    values = {
        "category": (*CATEGORIES, "unknown"),
        "country": (*COUNTRIES, "unknown"),
        "currency": CURRENCIES,
        "status": tuple(dict.fromkeys(STATUSES)),
    }
    chosen = {
        name: rng.sample(values[name], rng.randint(1, 2)) for name in offered if rng.random() < 0.6
    }
    hours = (last - first) // timedelta(hours=1)
    begin = first + timedelta(hours=rng.randrange(hours - 1))
    end = begin + timedelta(hours=rng.randint(1, (last - begin) // timedelta(hours=1)))
    if page == "acceptance":  # knows whole days
        begin = datetime.combine(begin.date(), datetime.min.time(), UTC)
        end = datetime.combine((end - timedelta(hours=1)).date() + DAY, datetime.min.time(), UTC)
    if page == "fx":  # pending as of now
        begin, end = first - 900 * DAY, last + 30 * DAY
    mode = "booked"
    if page == "overview":
        one = len(chosen.get("currency", ())) == 1
        mode = rng.choice(("booked", "constant", "original" if one else "constant"))
    return Asked(page, begin, end, mode, rng.random() < 0.5, chosen)


@contextmanager
def planted(world: World, rng: Random, first: datetime, last: datetime) -> Iterator[None]:
    """Payments of all kinds, and rates for the days that have none. Both go afterwards: a history
    brings rates of its own, and every payment has to have one."""
    rates = []
    for back in range((last - first).days + 3):
        for currency in CURRENCIES[1:]:
            rates += world.postgres.execute(
                "insert into finance.fx_rates values (%s, %s, %s) on conflict do nothing"
                " returning rate_date, currency",
                (
                    (last - back * DAY).date(),
                    currency,
                    Decimal(rng.randint(800_000, 1_200_000)).scaleb(-6),
                ),
            ).fetchall()
    payments = pay(world, rng, first, last)
    try:
        yield
    finally:
        world.write(
            "delete from finance.transactions where transaction_id = any(%s::uuid[])", payments
        )
        for day, currency in rates:
            world.write(
                "delete from finance.fx_rates where rate_date = %s and currency = %s", day, currency
            )


def pay(world: World, rng: Random, first: datetime, last: datetime) -> list[UUID]:
    """Payments of all kinds, some of merchants that never arrive; their ids."""
    merchants = [uuid4() for _ in range(8)]
    for merchant in merchants[:6]:
        world.write(
            "insert into finance.merchants values (%s, 'Shop', %s, %s, 2)",
            merchant,
            rng.choice(CATEGORIES),
            rng.choice(COUNTRIES),
        )
    seconds = int((last - first).total_seconds())
    with world.postgres.transaction():
        return [
            world.pay(
                str(Decimal(rng.randint(1, 100_000)).scaleb(-2)),
                at=(first + timedelta(seconds=rng.randrange(seconds))).isoformat(),
                currency=rng.choice(CURRENCIES),
                status=status,
                merchant=rng.choice(merchants),
                decline_code="do_not_honor" if status == "failed" else None,
            )
            for status in rng.choices(STATUSES, k=PAYMENTS)
        ]


Ask = Callable[[Asked], Truth]


def silver(world: World) -> Ask:
    """What the state tables of silver say."""
    return lambda asked: Truth(*world.ask(SILVER, **asked.values)[0])


def source(world: World) -> Ask:
    """What Postgres says."""

    def ask(asked: Asked) -> Truth:
        row = world.postgres.execute(SOURCE, asked.values).fetchone()
        assert row is not None
        return Truth(*row)

    return ask


def shown(asked: Asked) -> dict[str, str]:
    """The cards of the page at the combination's URL, by label."""
    st.cache_data.clear()
    app = AppTest.from_file(str(ROOT / "dashboard" / "app.py"), default_timeout=60)
    for name, value in asked.url.items():
        app.query_params[name] = value
    if asked.page != "overview":
        app.switch_page(f"app_pages/{asked.page}.py")
    app.run()
    assert not app.exception, [one.value for one in app.exception]
    assert not app.error, [one.value for one in app.error]
    return {metric.label: metric.value for metric in app.metric}


def money(amount: Decimal, sign: str) -> str:
    """An amount as a card shows it."""
    with localcontext() as context:
        context.prec = 60
        return f"{sign} {amount.quantize(Decimal('0.01'), rounding=ROUND_HALF_EVEN):,.2f}"


def percent(part: Decimal | int, whole: Decimal | int) -> str:
    """A rate as a card shows it."""
    return f"{100 * float(part) / float(whole):.2f} %" if whole else "n/a"


def expected(asked: Asked, truth: Truth) -> dict[str, str]:
    """What the cards have to show."""
    sign = asked.chosen["currency"][0] if asked.mode == "original" else "€"

    def label(name: str, model: str = "agg_kpis_daily") -> str:
        return definitions.of(model).metric(name).label

    if asked.page == "fx":
        return {label("count_pending", "agg_pending_now"): f"{truth.pending:,}"}
    if asked.page == "acceptance":
        if asked.by_value:
            by_value = percent(truth.volume, truth.decided_volume)
            return {label("acceptance_rate_by_value", "agg_acceptance_daily"): by_value}
        rate = percent(truth.successful, truth.decided)
        return {label("acceptance_rate", "agg_acceptance_daily"): rate}
    found = {
        label("successful_amount_eur"): money(truth.volume, sign),
        label("success_rate"): percent(truth.successful, truth.decided),
    }
    count = label("count_attempted")
    return {**found, count: f"{truth.attempted:,}"}


def check(asked: Asked, one_end: Ask, other_end: Ask) -> None:
    """Screen, silver and source agree; traffic between two looks is looked at again."""
    for _ in range(3):
        before = other_end(asked)
        screen = shown(asked)
        truth = one_end(asked)
        if before == other_end(asked) == truth:
            break
    assert truth == other_end(asked), f"silver says {truth}, the source {other_end(asked)}"
    wanted = expected(asked, truth)
    assert {name: screen.get(name) for name in wanted} == wanted


def test_random_filters_show_what_silver_and_postgres_say(world: World) -> None:
    seed = int(os.environ.get("FINHOUSE_FILTER_SEED") or secrets.randbelow(2**31))
    rng = Random(seed)
    last = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    first = last - timedelta(days=4)
    with planted(world, rng, first, last):
        world.settle()
        for number in range(COMBINATIONS):
            asked = random_combination(rng, first, last)
            try:
                check(asked, silver(world), source(world))
            except AssertionError as error:
                pytest.fail(
                    f"combination {number}, {asked}: {error}\n"
                    f"replay: FINHOUSE_FILTER_SEED={seed}"
                    " ./finhouse test tests/python/dashboard/test_filters_on_stack.py",
                    pytrace=False,
                )
