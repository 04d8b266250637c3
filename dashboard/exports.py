"""A result as cells to look at, and as a CSV, Excel or Parquet file: exact in each of them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter

from dashboard.connection import Answer
from dashboard.workbench import Column, Result

EXCEL_DIGITS = 15  # more of a number than this many Excel rounds
EXCEL_TEXT = 32_767  # characters a cell holds
PARAMETERS = re.compile(r"(\w+)(?:\((.*)\))?$", re.DOTALL)
MOMENT = re.compile(r"(\d+)?(?:, )?(?:'(.+)')?$")
INTEGERS = {
    "Int8": pa.int8(),
    "Int16": pa.int16(),
    "Int32": pa.int32(),
    "Int64": pa.int64(),
    "UInt8": pa.uint8(),
    "UInt16": pa.uint16(),
    "UInt32": pa.uint32(),
    "UInt64": pa.uint64(),
}
FLOATS = {"BFloat16", "Float32", "Float64"}
WIDE = {"Int128", "Int256", "UInt128", "UInt256"}


def of_answer(answer: Answer, names: Sequence[str] = ()) -> Result:
    """The answer of a page's query, all of its columns or those named, as files are made of."""
    types = dict(answer.types) or dict.fromkeys(answer.rows[0] if answer.rows else (), "String")
    names = names or list(types)
    return Result(
        columns=tuple(Column(name, types.get(name, "String")) for name in names),
        rows=tuple([_noted(row[name]) for name in names] for row in answer.rows),
        row_count=len(answer.rows),
        query_id=answer.query_id,
        elapsed_ms=answer.elapsed_ms,
        rows_read=answer.rows_read,
        bytes_read=answer.bytes_read,
    )


def _noted(value: Any) -> Any:
    """A value in ClickHouse's own notation."""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"
    if isinstance(value, list | tuple):
        return [_noted(one) for one in value]
    return value if value is None or isinstance(value, int | str) else str(value)


def shown(value: Any) -> str | None:
    """A cell as ClickHouse writes it; None is NULL."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return orjson.dumps(value).decode()
    return str(value)


def unique_names(result: Result) -> list[str]:
    """Names of the columns, a repeated one with a number; no table may have a name twice."""
    names: list[str] = []
    for column in result.columns:
        name, count = column.name, 1
        while name in names:
            count += 1
            name = f"{column.name} ({count})"
        names.append(name)
    return names


def plain_type(type: str) -> tuple[str, str]:
    """Name and parameters of a type without what wraps it: NULLs, dictionaries, aggregation."""
    found = PARAMETERS.match(type)
    name, parameters = (found[1], found[2] or "") if found else (type, "")
    if name in ("Nullable", "LowCardinality"):
        return plain_type(parameters)
    if name == "SimpleAggregateFunction":
        return plain_type(parameters.partition(",")[2].strip())
    return name, parameters


def is_number(type: str) -> bool:
    """Whether values of the type are written right-aligned."""
    name, _ = plain_type(type)
    return name in INTEGERS or name in FLOATS or name in WIDE or name == "Decimal"


def to_csv(result: Result) -> bytes:
    """A header and a line per row, NULL as nothing, UTF-8."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(column.name for column in result.columns)
    writer.writerows([shown(value) for value in row] for row in result.rows)
    return file.getvalue().encode("utf-8", "replace")


def to_parquet(result: Result) -> bytes:
    """Columns of the types they have; what Parquet has no type for is text."""
    names = unique_names(result)
    arrays = []
    for position, column in enumerate(result.columns):
        arrow, convert = _arrow(column.type)
        values = (row[position] for row in result.rows)
        cells = [None if value is None else convert(value) for value in values]
        arrays.append(pa.array(cells, arrow))
    file = io.BytesIO()
    pq.write_table(pa.table(arrays, names=names), file)
    return file.getvalue()


def to_excel(result: Result) -> bytes:
    """A sheet with a header; a number Excel would round is text, and text is never a formula."""
    file = io.BytesIO()
    options = {"in_memory": True, "remove_timezone": True}
    with xlsxwriter.Workbook(file, options) as book:
        sheet = book.add_worksheet("Result")
        header = book.add_format({"bold": True, "bottom": 1})
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        for position, name in enumerate(unique_names(result)):
            sheet.write_string(0, position, name[:EXCEL_TEXT], header)
        sheet.freeze_panes(1, 0)
        converters = [_arrow(column.type)[1] for column in result.columns]
        for number, position, value in _cells(result):
            cell = converters[position](value)
            if isinstance(cell, bool):
                sheet.write_boolean(number, position, cell)
            elif _fits_excel(cell):
                sheet.write_number(number, position, cell)
            elif isinstance(cell, datetime) and cell.year >= 1900:
                sheet.write_datetime(number, position, cell, moment)
            elif type(cell) is date and cell.year >= 1900:
                sheet.write_datetime(number, position, cell, day)
            else:
                sheet.write_string(number, position, (shown(value) or "")[:EXCEL_TEXT])
        sheet.autofit()
    return file.getvalue()


def _cells(result: Result) -> Iterator[tuple[int, int, Any]]:
    """Row number from 1, column number from 0 and value of each cell that is not NULL."""
    for number, row in enumerate(result.rows, start=1):
        for position, value in enumerate(row):
            if value is not None:
                yield number, position, value


def _fits_excel(cell: Any) -> bool:
    """Whether Excel keeps the number as it is."""
    if isinstance(cell, float):
        return abs(cell) < float("inf")
    if isinstance(cell, int | Decimal):
        return len(Decimal(cell).as_tuple().digits) <= EXCEL_DIGITS
    return False


def _arrow(type: str) -> tuple[pa.DataType, Callable[[Any], Any]]:
    """The Arrow type for a ClickHouse type, and what makes its values from those of JSON."""
    name, parameters = plain_type(type)
    if name in INTEGERS:
        return INTEGERS[name], int
    if name in FLOATS:
        return pa.float64(), float
    if name == "Bool":
        return pa.bool_(), bool
    if name == "Decimal":
        precision, scale = (int(number) for number in parameters.split(","))
        wide = pa.decimal128 if precision <= 38 else pa.decimal256
        return wide(precision, scale), Decimal
    if name in ("Date", "Date32"):
        return pa.date32(), date.fromisoformat
    if name in ("DateTime", "DateTime64"):
        found = MOMENT.match(parameters)
        # anything else would lose digits, or say another moment
        if found and int(found[1] or 0) <= 6 and found[2] in (None, "UTC"):
            return pa.timestamp("us", "UTC"), datetime.fromisoformat
    return pa.string(), shown


class File(NamedTuple):
    """A kind of file: how it is made of a result, and what a browser has to know."""

    title: str
    suffix: str
    mime: str
    make: Callable[[Result], bytes]


FILES = (
    File("CSV", "csv", "text/csv", to_csv),
    File(
        "Excel",
        "xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        to_excel,
    ),
    File("Parquet", "parquet", "application/vnd.apache.parquet", to_parquet),
)
