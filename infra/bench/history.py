"""Payments made inside ClickHouse: a past of any length, and the change events that follow it.

Every column of payment `n` is a function of `n` alone, so that an update knows the old row.
"""

from __future__ import annotations

from clickhouse_connect.driver.client import Client

DAYS = 30
_CHUNK = 5_000_000  # rows of one INSERT
_UPDATED = 10  # one change event in so many is an update, the others are new payments

# Column of finance.transactions: expression in `n`. Keys grow with the number, as the generator's
# do with time.
_KEY = (
    "toUUID(UUIDNumToString(toFixedString(unhex(concat(leftPad(hex({0}), 16, '0'),"
    " substring(hex(MD5(toString({0}))), 1, 16))), 16)))"
)
_COLUMNS = {
    "transaction_id": _KEY.format("n"),
    "account_id": _KEY.format("cityHash64(n, 1) % 12345"),
    "merchant_id": _KEY.format("cityHash64(n, 2) % 56"),
    "occurred_at": "fromUnixTimestamp64Micro({begin:Int64} + toInt64(n * {step:Float64}), 'UTC')",
    "amount": "toDecimal64(1 + cityHash64(n, 4) % 1000, 2)",
    "currency": "['EUR', 'USD', 'GBP'][1 + cityHash64(n, 3) % 3]",
    "status": "if(cityHash64(n, 5) % 10 = 0, 'failed', 'success')",
    "decline_code": "if(status = 'failed', 'do_not_honor', null)",
    "ip": "concat('81.0.', toString(cityHash64(n, 6) % 22), '.', toString(n % 256))",
    "device_id": "cast(null as Nullable(String))",
    "updated_at": "occurred_at",
}
_AS_TEXT = {
    "amount": "toDecimalString(amount, 2)",
    "occurred_at": "formatDateTime(occurred_at, '%Y-%m-%dT%H:%i:%S.%fZ')",
    "updated_at": "formatDateTime(updated_at, '%Y-%m-%dT%H:%i:%S.%fZ')",
    "decline_code": "decline_code",
    "ip": "ip",
    "device_id": "device_id",
}
_NAMES = ", ".join(_COLUMNS)
_ROW = ", ".join(f"{expression} as {name}" for name, expression in _COLUMNS.items())
_JSON = "toJSONString(cast(tuple({}), 'Tuple({})'))".format(
    ", ".join(_AS_TEXT.get(name, f"toString({name})") for name in _COLUMNS),
    ", ".join(
        f"{name} {'Nullable(String)' if name in ('decline_code', 'ip', 'device_id') else 'String'}"
        for name in _COLUMNS
    ),
)


class History:
    """Payments 0, 1, 2, … of which the first `total` fill the 30 days up to `until` (µs, UTC)."""

    def __init__(self, client: Client, until: int, total: int) -> None:
        self.client = client
        self.stored = 0
        self.next_offset = 0
        step = DAYS * 86_400_000_000 / total
        self._moments = {"begin": until - DAYS * 86_400_000_000, "step": step}

    def fill(self, rows: int) -> None:
        """Grow silver to `rows` payments, one part per five million."""
        for begin in range(self.stored, rows, _CHUNK):
            payments = (
                f"select number as n, {_ROW} from numbers({begin}, {min(_CHUNK, rows - begin)})"
            )
            offset = f"n + {self.next_offset - self.stored}"
            for table, names, values in (
                (
                    "transactions_deltas",
                    "sign, _op, _offset, _committed_at, _applied_at",
                    f"1, 'c', {offset}, occurred_at, occurred_at",
                ),
                (
                    "transactions_state",
                    "_version, _is_deleted, _offset, _committed_at",
                    f"{offset}, 0, {offset}, occurred_at",
                ),
            ):
                self.client.command(
                    f"insert into silver.{table} ({_NAMES}, {names})"
                    f" select {_NAMES}, {values} from ({payments})"
                    " settings max_insert_block_size = 10000000,"
                    " min_insert_block_size_rows = 10000000, min_insert_block_size_bytes = 0",
                    parameters=self._moments,
                )
        self.next_offset += rows - self.stored
        self.stored = rows

    def change(self, events: int) -> None:
        """Append change events to bronze: new payments, and updates of amounts of any age."""
        old = f"cityHash64(number, 7) % {self.stored}"
        self.client.command(
            "insert into bronze.transactions (_op, before, after, _offset, _lsn, _committed_at,"
            " _ingested_at, _topic) "
            f"select if(is_update, 'u', 'c'), if(is_update, {_JSON}, ''),"
            # what an update changes is the amount
            f" if(is_update, replaceOne({_JSON}, '.00\"', '.01\"'), {_JSON}),"
            f" number, number, now64(6, 'UTC'), now64(3, 'UTC'), 'finhouse.finance.transactions'"
            f" from (select *, {_ROW} from (select number, number % {_UPDATED} = 0 as is_update,"
            f" if(is_update, {old}, number - {self.next_offset - self.stored}) as n"
            f" from numbers({self.next_offset}, {events})))",
            parameters=self._moments,
        )
        self.next_offset += events
        self.stored += events
