"""Queries of the page Explore: figures cut by every dimension at once, and three searches."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard import filters
from dashboard.filters import Selection
from dashboard.periods import DAY, HOUR, MINUTE, Window
from dashboard.queries.call import Call, Parameter, between, seconds, text
from dashboard.queries.narrowed import OF_CURRENCY, OF_MERCHANT
from dashboard.queries.overview import FIGURES

# One query for the whole page, so that its parts are of one moment. A slice counts for a
# dimension's own list though it fails that dimension's filter: its other values stay to choose.
SLICES = (
    """
with
slices as (
    select
        toStartOfInterval(
            toDateTime({column}, 'UTC'),
            toIntervalSecond({bucket:UInt32}),
            {from:DateTime('UTC')}
        ) as bucket_at,
        -- a week has seven rates
        toDate({column}) as valued_on,
        merchant_id,
        currency_code,
        status,
        if(status = 'failed', if(decline_code = '', 'unknown', toString(decline_code)), '')
            as reason,
        sum(live.count_payments) as count_payments,
        sum(live.total_amount) as total_amount
    from gold.{view} as live
    where {column} >= {from:DateTime('UTC')} and {column} < {to:DateTime('UTC')}
    group by bucket_at, valued_on, merchant_id, currency_code, status, reason
),

valued as (
    select
        slices.*,
        -- nothing is nothing in any currency
        if(slices.total_amount = 0, 0, toDecimal128(slices.total_amount, 2) * rates.rate_to_eur)
            as amount_eur
    from slices
    asof left join gold.dim_fx_rates as rates
        on
            slices.currency_code = rates.currency_code
            and slices.valued_on >= rates.rate_date
),

judged as (
    select
        valued.bucket_at as bucket_at,
        valued.status as status,
        valued.count_payments as count_payments,
        valued.amount_eur as amount_eur,
        merchants.merchant_name as merchant_name,
        [
            toString(valued.merchant_id),
            ifNull(toString(merchants.merchant_category), 'unknown'),
            ifNull(toString(merchants.merchant_country), 'unknown'),
            toString(valued.currency_code),
            toString(valued.status),
            valued.reason
        ] as own_values,
        arrayMap(
            (own, chosen) -> chosen = '' or has(splitByChar('\\n', chosen), own),
            own_values,
            [
                {merchant:String},
                {category:String},
                {country:String},
                {currency:String},
                {status:String},
                {reason:String}
            ]
        ) as passes,
        countEqual(passes, 0) as count_failed
    from valued
    left join gold.dim_merchants as merchants on valued.merchant_id = merchants.merchant_id
),

placed as (
    select
        arrayJoin(
            arrayConcat(
                if(count_failed = 0, [('now', ''), ('trend', toString(bucket_at))], []),
                if(
                    count_failed = 0 and bucket_at < {complete_to:DateTime('UTC')},
                    [('complete', '')],
                    []
                ),
                arrayFilter(
                    (place, passed) -> place.2 != ''
                        and (count_failed = 0 or (count_failed = 1 and not passed)),
                    arrayZip(
                        ['merchant', 'category', 'country', 'currency', 'status', 'reason'],
                        own_values
                    ),
                    passes
                )
            )
        ) as place,
        status,
        count_payments,
        amount_eur,
        merchant_name
    from judged
),

totals as (
    select
        place.1 as dimension,
        place.2 as value,
        any(placed.merchant_name) as merchant_name,
        sum(placed.count_payments) as count_attempted,
        sumIf(placed.count_payments, status != 'pending') as count_decided,
        sumIf(placed.count_payments, status = 'success') as count_successful,
        ifNull(sumIf(placed.amount_eur, status = 'success'), 0) as known_amount_eur,
        countIf(status = 'success' and placed.amount_eur is null) as count_minutes_without_rate
    from placed
    group by dimension, value
)

select
    dimension,
    value,
    if(dimension = 'merchant', merchant_name, null) as merchant_name,
"""
    + FIGURES
    + """where count_attempted != 0
-- floats are for the order only
order by dimension, toFloat64({measure:Identifier}) desc nulls last, count_attempted desc, value
limit 1000 by dimension
"""
)

# As SLICES judges them, here by what a change itself says, so that few rows are read.
_FILTERS = """
    occurred_at >= {from:DateTime('UTC')}
    and occurred_at < {to:DateTime('UTC')}
    and (
        {merchant:String} = ''
        or has(
            arrayMap(id -> toUUIDOrZero(id), splitByChar('\\n', {merchant:String})), merchant_id
        )
    )
    and <of_merchant>
    and <of_currency>
    and ({status:String} = '' or has(splitByChar('\\n', {status:String}), toString(status)))
    and (
        {reason:String} = ''
        or (
            status = 'failed'
            and has(
                splitByChar('\\n', {reason:String}),
                if(decline_code = '', 'unknown', toString(decline_code))
            )
        )
    )
    and (
        {search:String} = ''
        or toUInt128(transaction_id) between {id_from:UInt128} and {id_to:UInt128}
        or toUInt128(account_id) between {id_from:UInt128} and {id_to:UInt128}
        or toUInt128(merchant_id) between {id_from:UInt128} and {id_to:UInt128}
        or amount = toDecimal64OrNull({search:String}, 2)
        or merchant_id in (
            select merchant_id
            from gold.dim_merchants
            where positionCaseInsensitiveUTF8(merchant_name, {search:String}) > 0
        )
    )
""".replace("<of_merchant>", OF_MERCHANT).replace("<of_currency>", OF_CURRENCY)

# Sums of signs count exactly and need no row as it is now: they say between which places the page
# lies, so that only the payments there are put together.
PLACES = """
with
places as (
    select
        {place} as place,
        sum(changes.sign) as count_payments
    from gold.live_signed_payments as changes
    where {filters}
    group by place
    having count_payments > 0
),

counted as (
    select
        place,
        count_payments,
        sum(count_payments) over (
            order by place {direction} rows between unbounded preceding and current row
        ) as up_to,
        sum(count_payments) over () as count_found,
        least({page:UInt32}, intDiv(count_found + {size:UInt32} - 1, {size:UInt32})) as page
    from places
)

select
    toString(min(place)) as lowest,
    toString(max(place)) as highest,
    min(up_to - count_payments) as count_before,
    any(counted.count_found) as count_found,
    any(counted.page) as page
from counted
where
    up_to > (counted.page - 1) * {size:UInt32}
    and up_to - count_payments < counted.page * {size:UInt32}
having count_found > 0
"""

PAYMENTS = """
select
    transaction_id,
    occurred_at,
    status,
    decline_code,
    merchant_id,
    merchant_name,
    merchant_category,
    merchant_country,
    amount,
    currency_code,
    amount_eur,
    account_id
from gold.live_payments
where {filters}
    and {within}
order by {column} {direction}, transaction_id {direction}
limit {limit:UInt32} offset {offset:UInt32}
"""

VALUES = """
select dimension, value, name
from (
    select
        'merchant' as dimension,
        toString(merchant_id) as value,
        merchant_name as name
    from gold.dim_merchants
    union distinct
    select 'category', toString(merchant_category), '' from gold.dim_merchants
    union distinct
    select 'country', toString(merchant_country), '' from gold.dim_merchants
    union distinct
    select 'currency', toString(currency_code), '' from gold.dim_currencies
    union distinct
    select 'reason', toString(decline_code), '' from gold.decline_codes
)
order by dimension, name, value
"""

MERCHANTS = """
with
found as (
    select
        merchant_id,
        merchant_name,
        merchant_category,
        merchant_country,
        risk_rating,
        updated_at,
        count() over () as count_found
    from gold.dim_merchants
    where
        positionCaseInsensitiveUTF8(merchant_name, {search:String}) > 0
        or positionCaseInsensitiveUTF8(toString(merchant_category), {search:String}) > 0
        or toString(merchant_country) = upper({search:String})
        or toUInt128(merchant_id) between {id_from:UInt128} and {id_to:UInt128}
)

select *
from found
order by {order}, merchant_id
limit {size:UInt32} offset {offset:UInt32}
"""

# Names and addresses are personal: whoever knows one whole finds its account, nobody reads it here.
ACCOUNTS = """
with
found as (
    select
        account_id,
        arrayStringConcat(
            arrayMap(part -> concat(substringUTF8(part, 1, 1), '.'), splitByWhitespace(user_name)),
            ' '
        ) as initials,
        concat(
            substringUTF8(email, 1, 1), '…@', substring(email, position(email, '@') + 1)
        ) as masked_email,
        account_country,
        signup_at,
        updated_at,
        count() over () as count_found
    from gold.dim_accounts
    where
        {search:String} = ''
        or toString(account_country) = upper({search:String})
        or toUInt128(account_id) between {id_from:UInt128} and {id_to:UInt128}
        or lowerUTF8(email) = lowerUTF8({search:String})
        or lowerUTF8(user_name) = lowerUTF8({search:String})
),

paged as (
    select found.*
    from found
    order by {order}, account_id
    limit {size:UInt32} offset {offset:UInt32}
),

activity as (
    select
        account_id,
        sum(payments.count_payments) as count_payments,
        maxIf(activity_date, payments.count_payments > 0) as last_date
    from gold.fct_account_activity_by_day as payments
    where
        activity_date > toDate(now('UTC')) - 30
        and account_id in (select account_id from paged)
    group by account_id
    having count_payments > 0
)

select
    paged.account_id as account_id,
    paged.initials as initials,
    paged.masked_email as masked_email,
    paged.account_country as account_country,
    paged.signup_at as signup_at,
    paged.updated_at as updated_at,
    paged.count_found as count_found,
    ifNull(activity.count_payments, 0) as count_payments,
    activity.last_date as last_date
from paged
left join activity on paged.account_id = activity.account_id
order by {order}, account_id
"""


@dataclass(frozen=True, slots=True)
class _Sorted:
    """How payments are sorted: by a column, whose `place` many may share, and `within` bounds."""

    column: str
    place: str
    within: str

    def fill(self, sql: str, direction: str) -> str:
        """A query with these parts, and the filters, in place of their names."""
        parts = {
            "filters": _FILTERS.strip(),
            "column": self.column,
            "place": self.place,
            "within": self.within,
            "direction": direction,
        }
        for name, part in parts.items():
            sql = sql.replace(f"{{{name}}}", part)
        return sql


_BY_TIME = _Sorted(
    column="occurred_at",
    place="toStartOfMinute(occurred_at)",
    within="occurred_at >= {lowest:DateTime('UTC')}\n"
    "    and occurred_at < {highest:DateTime('UTC')} + interval 1 minute",
)
_BY_AMOUNT = _Sorted(
    column="amount",
    place="amount",
    within="amount >= {lowest:Decimal(18, 2)}\n    and amount <= {highest:Decimal(18, 2)}",
)

# What the tables can be sorted by, as a reader chooses it; no part of it is anybody's input.
PAYMENT_ORDERS = {
    "Newest first": (_BY_TIME, "desc"),
    "Oldest first": (_BY_TIME, "asc"),
    "Largest amount first": (_BY_AMOUNT, "desc"),
    "Smallest amount first": (_BY_AMOUNT, "asc"),
}
MERCHANT_ORDERS = {
    "Name": "merchant_name asc",
    "Name, Z first": "merchant_name desc",
    "Riskiest first": "risk_rating desc",
    "Safest first": "risk_rating asc",
    "Changed last": "updated_at desc",
}
ACCOUNT_ORDERS = {
    "Newest first": "signup_at desc",
    "Oldest first": "signup_at asc",
    "Country": "account_country asc",
    "Changed last": "updated_at desc",
}


def slices(window: Window, selection: Selection, measure: str) -> Call:
    """Totals, buckets of the window, and for each dimension its values, largest `measure` first.

    Rows by `dimension`: `now` and `complete` (whole buckets only) one each, `trend` one per bucket
    that has a payment (`value` is its begin, UTC), else one per value. `measure` is a column.
    """
    view, column = "live_payments_by_minute", "minute"
    if window.bucket % HOUR == 0 * MINUTE:
        view, column = "live_payments_by_hour", "payment_hour"
    if window.bucket % DAY == 0 * MINUTE:
        view, column = "live_payments_by_day", "payment_date"
    return between(
        "slices",
        SLICES.replace("{view}", view).replace("{column}", column),
        window.start,
        window.fill_to,
        complete_to=text(window.filling_from if window.is_filling else window.fill_to),
        bucket=seconds(window.bucket),
        measure=measure,
        **selection.parameters,
    )


def places(
    window: Window, selection: Selection, search: str, order: str, page: int, size: int
) -> Call:
    """Between which places a page of payments lies, and how many were found; no row: none was."""
    by, direction = PAYMENT_ORDERS[order]
    return between(
        "places",
        by.fill(PLACES, direction),
        window.start,
        window.fill_to,
        page=page,
        size=size,
        **_asked(selection, search),
    )


def payments(
    window: Window,
    selection: Selection,
    search: str,
    order: str,
    bounds: tuple[str, str],
    limit: int,
    offset: int,
) -> Call:
    """Payments whose place is within the bounds, as `places` has them."""
    by, direction = PAYMENT_ORDERS[order]
    lowest, highest = bounds
    return between(
        "payments",
        by.fill(PAYMENTS, direction),
        window.start,
        window.fill_to,
        lowest=lowest,
        highest=highest,
        limit=limit,
        offset=offset,
        **_asked(selection, search),
    )


def values() -> Call:
    """What can be chosen in each dimension; `name` is a merchant's."""
    return Call("values", VALUES.strip())


def merchants(search: str, order: str, page: int, size: int) -> Call:
    """A page of the merchants whose name, category, country or id is like the search."""
    return _page("merchants_found", MERCHANTS, MERCHANT_ORDERS[order], search, page, size)


def accounts(search: str, order: str, page: int, size: int) -> Call:
    """A page of the accounts of a country, of an id, or whose whole name or address is known."""
    return _page("accounts_found", ACCOUNTS, ACCOUNT_ORDERS[order], search, page, size)


def _page(name: str, sql: str, order: str, search: str, page: int, size: int) -> Call:
    parameters: dict[str, Parameter] = {
        "search": search,
        **_ids(search),
        "size": size,
        "offset": (page - 1) * size,
    }
    return Call(name, sql.replace("{order}", order).strip(), tuple(parameters.items()))


def _asked(selection: Selection, search: str) -> dict[str, str]:
    return {**selection.parameters, "search": search, **_ids(search)}


def _ids(search: str) -> dict[str, str]:
    first, last = filters.range_of(search)
    return {"id_from": first, "id_to": last}
