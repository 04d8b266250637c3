"""Rows of a source table as SQL, for Postgres and for ClickHouse.

Both sides write a row as the same text, so that sums of its checksums can be compared. The types
are those of `silver.<table>_state`. Change events are parsed here once more, and on purpose not by
the macros that make silver: a check must not share the error it looks for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from infra.transform.comparisons import Table
from infra.transform.snapshot import Snapshot

# A row by column, its values as people read them.
Row = dict[str, str | None]
# Written by Debezium in place of a large value that an update did not touch.
UNCHANGED = "__debezium_unavailable_value"
# A row's checksum: the first 32 bits of the MD5 of its text.
HEX_DIGITS = 8
# Keys fall into 256 slices, by the last two hex digits of the MD5 of their text.
SLICE_DIGITS = 2
# Postgres counts time from 2000-01-01, ClickHouse from 1970-01-01.
MICROSECONDS_TO_2000 = 946_684_800_000_000


@dataclass(frozen=True, slots=True)
class Source:
    """A source table with the columns silver holds of it: {name: ClickHouse type}.

    `addresses` are those that Postgres holds as inet.
    """

    name: str
    table: Table
    columns: dict[str, str]
    addresses: frozenset[str]

    @property
    def state(self) -> str:
        """Relation of its row versions."""
        return f"silver.{self.name}_state"

    @property
    def log(self) -> str:
        """Relation of its change events."""
        return f"bronze.{self.name}"

    @property
    def hashed(self) -> dict[str, str]:
        """Columns that enter a row's checksum: a group says of its rows what is in its name."""
        return {
            name: type
            for name, type in self.columns.items()
            if name not in self.table.groups or is_time(type)
        }


@dataclass(frozen=True, slots=True)
class Log:
    """A bronze log just before a snapshot of Postgres: the highest offset in it, and the first that
    is not void (TRUNCATE, or a new copy of the source)."""

    newest: int
    begins: int

    def applied(self, position: str) -> str:
        """Scalar: up to which offset a table at `position` has applied all that counts."""
        return f"greatest({position}, {self.begins - 1})"


def base_type(type: str) -> str:
    """A ClickHouse type without Nullable and LowCardinality around it."""
    while wrapped := re.fullmatch(r"(?:Nullable|LowCardinality)\((.*)\)", type):
        type = wrapped.group(1)
    return type


def is_time(type: str) -> bool:
    """Whether a ClickHouse type is a moment and not a day."""
    return base_type(type).startswith("DateTime")


def _scale(type: str) -> int | None:
    decimal = re.fullmatch(r"Decimal\(\d+, (\d+)\)", base_type(type))
    return int(decimal.group(1)) if decimal else None


# As Postgres writes it ----------------------------------------------------------------------------


def postgres_group(column: str, type: str) -> str:
    """A grouping column, times as their day: the session's time zone is UTC."""
    return f"{column}::date" if is_time(type) else column


def postgres_shown(source: Source, column: str) -> str:
    """A value as a person reads it, NULL for NULL."""
    if is_time(source.columns[column]):
        return f"to_char({column}, 'YYYY-MM-DD HH24:MI:SS.US')"
    return f"abbrev({column})" if column in source.addresses else f"{column}::text"


def postgres_checksum(source: Source) -> str:
    """Checksum of a row, bigint. What has a fixed size goes in as bytes: half the cost."""
    fixed, texts = [], []
    for name, type in source.hashed.items():
        if type == "UUID":
            fixed.append(f"uuid_send({name})")
        elif type.startswith("DateTime64"):
            fixed.append(f"timestamptz_send({name})")
        elif "Nullable(" in type:
            text = f"abbrev({name})" if name in source.addresses else name
            text = f"(extract(epoch from {name}) * 1000000)::bigint" if is_time(type) else text
            texts.append(f"coalesce('=' || {text}, '')")
        else:
            texts.append(name)
    joined = f"convert_to({postgres_label(texts)}, 'UTF8')"
    digits = f"substr(md5({' || '.join([*fixed, joined])}), 1, {HEX_DIGITS})"
    return f"('x' || {digits})::bit({4 * HEX_DIGITS})::bigint"


def postgres_slice(source: Source) -> str:
    """The slice a row's key falls into."""
    return f"right(md5(concat_ws('|', {', '.join(source.table.key)})), {SLICE_DIGITS})"


def postgres_label(texts: Iterable[str]) -> str:
    """Several values as one text."""
    return f"concat_ws('|', {', '.join(texts)})"


# As ClickHouse writes it --------------------------------------------------------------------------


def warehouse_group(column: str, type: str) -> str:
    """A grouping column, times as their day in UTC."""
    return f"toDate({column})" if is_time(type) else column


def warehouse_shown(column: str, type: str) -> str:
    """A value as a person reads it, the same text as postgres_shown(); NULL for NULL."""
    scale = _scale(type)
    text = f"toString({column})" if scale is None else f"toDecimalString({column}, {scale})"
    return f"cast({text} as Nullable(String))"


def warehouse_checksum(source: Source) -> str:
    """Checksum of a row's columns, UInt32, the same as postgres_checksum()."""
    fixed, texts = [], []
    for name, type in source.hashed.items():
        scale = _scale(type)
        microseconds = f"toUnixTimestamp64Micro({name})"
        text = f"toString({name})" if scale is None else f"toDecimalString({name}, {scale})"
        if type == "UUID":
            fixed.append(f"unhex(hex({name}))")
        elif type.startswith("DateTime64"):
            since_2000 = f"{microseconds} - {MICROSECONDS_TO_2000}"
            fixed.append(f"reverse(reinterpretAsFixedString({since_2000}))")
        elif "Nullable(" in type:
            text = f"toString({microseconds})" if is_time(type) else text
            texts.append(f"ifNull(concat('=', {text}), '')")
        elif base_type(type) == "Bool":
            texts.append(f"if({name}, 't', 'f')")
        else:
            texts.append(text)
    whole = f"concat({', '.join([*fixed, warehouse_label(texts)])})"
    return f"reinterpretAsUInt32(reverse(substring(MD5({whole}), 1, {HEX_DIGITS // 2})))"


def warehouse_slice(source: Source) -> str:
    """The slice a row's key falls into, the same as postgres_slice()."""
    text = warehouse_label(f"toString({column})" for column in source.table.key)
    return f"lower(right(hex(MD5({text})), {SLICE_DIGITS}))"


def warehouse_label(texts: Iterable[str]) -> str:
    """Several texts as one."""
    text = ", '|', ".join(texts)
    return f"concat('', {text})"


def position(relation: str) -> str:
    """Scalar: the highest offset in a table, -1 while it is empty."""
    return f"(select if(count() = 0, -1, toInt64(max(_offset))) from {relation})"


def history_start(table: str) -> str:
    """Scalar: the offset of a table's log before which all is void (TRUNCATE, new snapshot)."""
    return f"(select history_start from bronze.histories where source_table = '{table}')"


# Rows in ClickHouse -------------------------------------------------------------------------------


def current(source: Source) -> str:
    """Select: the rows of a state table as they are now, each with `sign` 1."""
    return (
        f"select toInt8(1) as sign, {', '.join(source.columns)}"
        f" from {source.state} final where _is_deleted = 0"
    )


def as_of(source: Source, snapshot: Snapshot, log: Log) -> str:
    """Select: the rows of a state table as of the snapshot, as signed rows that add up to them."""
    columns = ", ".join(source.columns)
    at = log.applied(position(source.state))
    missing = changes(source, snapshot, log, at, at)
    return f"""
        {current(source)}
        union all
        select toInt8({step_to_snapshot(at)}) as sign, {columns} from ({missing})
    """


def corrections(source: Source) -> str:
    """Select: the signed rows of the external table `corrections` (sign, image as JSON)."""
    return (
        f"select sign, {_parsed('row', source.columns)}"
        f" from (select sign, {_image('image', source.columns)} as row from corrections)"
    )


def step_to_snapshot(applied: str | int) -> str:
    """How often a row of changes() counts to bring a table from an offset to the snapshot.

    What the snapshot sees and the table has not applied is added; what the table has applied and
    the snapshot does not see is taken off.
    """
    return (
        f"multiIf(is_seen and _offset > {applied}, sign,"
        f" not is_seen and _offset <= {applied}, -sign, 0)"
    )


def changes(
    source: Source, snapshot: Snapshot, log: Log, since: str | int, until: str | int
) -> str:
    """Select: the changes between tables that are at offsets `since` to `until`, and the snapshot.

    Signed rows (-1 with each that went, +1 with each that came), whether the snapshot sees the
    change, and its `_offset`. Of a table without deltas the net changes, for one table at offset
    `since` = `until`.
    """
    columns = source.columns
    unseen = snapshot.unseen(log.newest)
    is_between = f"(_offset > {since} or (_offset <= {until} and {unseen}))"
    wanted = f"_error = '' and _offset >= {log.begins} and {is_between}"
    if source.table.has_deltas:  # the events carry the whole old row
        return f"""
            select sign, {_parsed("image", columns)}, is_seen, _offset
            from (
                select
                    toInt8(tupleElement(change, 1)) as sign,
                    {_image("tupleElement(change, 2)", columns)} as image,
                    is_seen,
                    _offset
                from (
                    select before, after, not ({unseen}) as is_seen, _offset
                    from {source.log}
                    where {wanted}
                    limit 1 by _offset
                )
                array join [(-1, before), (1, after)] as change
                where tupleElement(change, 2) != ''
            )
        """
    # From the row the table has at its offset to the row the snapshot sees: both are the last of
    # their events, anywhere in the log. Of a large value that an update did not touch, the last
    # that an event has.
    last = ", ".join(
        f"argMaxIf(tuple(tupleElement(image, '{name}')), _offset, _op != 'd' and"
        f" ifNull(tupleElement(image, '{name}') != '{UNCHANGED}', 1)) as last_{name}"
        for name in columns
    )
    row = ", ".join(f"tupleElement(last_{name}, 1)" for name in columns)
    names = ", ".join(f"{name} Nullable(String)" for name in columns)
    sides = f"arrayConcat(if(_offset <= {until}, [-1], []), if({unseen}, [], [1]))"
    return f"""
        select sign, {_parsed("row", columns)}, true as is_seen, {until} + 1 as _offset
        from (
            select sign, cast(({row}) as Tuple({names})) as row
            from (
                select sign, argMax(_op, _offset) as last_op, {last}
                from (
                    select
                        toInt8(side) as sign,
                        _key,
                        _op,
                        _offset,
                        {_image("after", columns)} as image
                    from {source.log}
                    array join {sides} as side
                    where
                        _error = ''
                        and _offset >= {log.begins}
                        and _key in (select _key from {source.log} where {wanted})
                )
                group by sign, _key
                having last_op != 'd'
            )
        )
    """


def _image(json: str, columns: Mapping[str, str]) -> str:
    """A row's JSON as a named tuple of Nullable(String)."""
    fields = ", ".join(f"{name} Nullable(String)" for name in columns)
    return f"JSONExtract({json}, 'Tuple({fields})')"


def _parsed(image: str, columns: Mapping[str, str]) -> str:
    """Select list: an image's fields, typed. They fit: bronze quarantines what does not."""
    fields = []
    for name, type in columns.items():
        value = f"tupleElement({image}, '{name}')"
        if is_time(type):
            value = f"parseDateTime64BestEffortOrNull({value}, 6, 'UTC')"
        elif base_type(type) == "Date":  # Debezium's dates end in Z
            value = f"toDateOrNull(substring({value}, 1, 10))"
        if "Nullable(" not in type:
            value = f"assumeNotNull({value})"
        fields.append(f"cast({value} as {type}) as {name}")
    return ", ".join(fields)
