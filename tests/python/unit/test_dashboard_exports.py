"""Exports of a result: each value is in the file as it was in the answer."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

import pyarrow.parquet as pq
import pytest

from dashboard import exports
from dashboard.connection import Answer
from dashboard.queries.call import Call
from dashboard.workbench import Column, Result

BIG = "18446744073709551615"
MONEY = "1234567890123456789.10"
SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def result(columns: dict[str, str], *rows: Sequence[Any]) -> Result:
    named = tuple(Column(name, type) for name, type in columns.items())
    return Result(named, tuple(rows), len(rows), "query-1", 1.0, 1, 1)


EVERY = result(
    {
        "big": "UInt64",
        "money": "Decimal(38, 2)",
        "sum": "SimpleAggregateFunction(sum, Decimal(38, 4))",
        "day": "Nullable(Date)",
        "moment": "DateTime64(6, 'UTC')",
        "there": "DateTime('Europe/Berlin')",
        "nano": "DateTime64(9, 'UTC')",
        "share": "Float64",
        "text": "LowCardinality(Nullable(String))",
        "is": "Bool",
        "list": "Array(UInt8)",
        "id": "UUID",
        "wide": "UInt256",
    },
    [
        BIG,
        MONEY,
        "0.1000",
        "2026-03-29",
        "2026-03-29 14:37:42.123456",
        "2026-03-29 14:37:42",
        "2026-03-29 14:37:42.123456789",
        "nan",
        '=1+1;"\n',
        True,
        [1, 2],
        "01a20dc7-9f14-7849-a24d-858e15bd7fe7",
        "5",
    ],
    ["1", "1.00", "2.0000", None, "2026-03-29 00:00:00", "2026-03-29 00:00:00"]
    + ["2026-03-29 00:00:00.000000000", 0.5, None, False, [], "x", "6"],
)


def cells(file: bytes) -> dict[str, tuple[str, str]]:
    """A sheet's cells by address: kind and value."""
    with zipfile.ZipFile(io.BytesIO(file)) as book:
        strings = [
            "".join(text.text or "" for text in item.iter(f"{SHEET}t"))
            for item in ElementTree.fromstring(book.read("xl/sharedStrings.xml"))
        ]
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
    found = {}
    for cell in sheet.iter(f"{SHEET}c"):
        assert cell.find(f"{SHEET}f") is None, "a formula"
        kind = cell.get("t", "n")
        value = cell.findtext(f"{SHEET}v") or ""
        found[cell.attrib["r"]] = (kind, strings[int(value)] if kind == "s" else value)
    return found


def test_csv_has_every_digit_and_nothing_for_null() -> None:
    header, first, second = csv.reader(io.StringIO(exports.to_csv(EVERY).decode()))
    assert header == [column.name for column in EVERY.columns]
    assert first[:4] == [BIG, MONEY, "0.1000", "2026-03-29"]
    assert first[8:11] == ['=1+1;"\n', "true", "[1,2]"]
    assert second[3] == second[8] == ""


def test_parquet_keeps_types_and_values() -> None:
    table = pq.read_table(io.BytesIO(exports.to_parquet(EVERY)))
    types = {field.name: str(field.type) for field in table.schema}
    assert types["big"] == "uint64"
    assert types["money"] == "decimal128(38, 2)"
    assert types["sum"] == "decimal128(38, 4)"
    assert types["day"] == "date32[day]"
    assert types["moment"] == "timestamp[us, tz=UTC]"
    assert types["there"] == types["nano"] == types["wide"] == "string"
    first, second = table.to_pylist()
    assert first["big"] == int(BIG)
    assert first["money"] == Decimal(MONEY)
    assert first["moment"] == datetime(2026, 3, 29, 14, 37, 42, 123456, tzinfo=UTC)
    assert first["day"] == date(2026, 3, 29)
    assert first["share"] != first["share"]
    assert (second["day"], second["text"], second["is"]) == (None, None, False)


def test_excel_rounds_nothing_and_runs_nothing() -> None:
    found = cells(exports.to_excel(EVERY))
    assert found["A1"] == ("s", "big")
    assert found["A2"] == ("s", BIG)
    assert found["B2"] == ("s", MONEY)
    assert found["A3"] == ("n", "1")
    assert found["C2"] == ("n", "0.1000")
    assert found["D2"] == ("n", "46110")
    assert found["H2"] == ("s", "nan")
    assert found["I2"] == ("s", '=1+1;"\n')
    assert found["J2"] == ("b", "1")
    assert "D3" not in found


@pytest.mark.parametrize("make", [exports.to_csv, exports.to_excel, exports.to_parquet])
def test_no_rows_and_repeated_names_can_be_exported(make: Any) -> None:
    columns = (Column("1", "UInt8"), Column("1", "UInt8"))
    assert make(Result(columns, (), 0, "", 0, 0, 0))
    assert make(Result(columns, ([1, 2],), 1, "", 0, 0, 0))


def test_names_are_unique() -> None:
    columns = tuple(Column(name, "UInt8") for name in ("a", "a", "a (2)", "a"))
    names = exports.unique_names(Result(columns, (), 0, "", 0, 0, 0))
    assert names[:2] == ["a", "a (2)"]
    assert len(set(names)) == 4


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("x", "x"),
        (True, "true"),
        (1, "1"),
        (0.1, "0.1"),
        ([1, "a", None], '[1,"a",null]'),
        ({"a": 1}, '{"a":1}'),
    ],
)
def test_cells_look_as_clickhouse_writes_them(value: Any, text: str | None) -> None:
    assert exports.shown(value) == text


@pytest.mark.parametrize(
    ("type", "is_number"),
    [
        ("UInt8", True),
        ("Nullable(Decimal(38, 8))", True),
        ("SimpleAggregateFunction(sum, Int64)", True),
        ("LowCardinality(String)", False),
        ("Array(UInt8)", False),
        ("DateTime('UTC')", False),
    ],
)
def test_numbers_are_told_from_text(type: str, is_number: bool) -> None:
    assert exports.is_number(type) is is_number


def test_an_answer_of_a_page_is_in_its_file_as_clickhouse_has_it() -> None:
    row = {
        "at": datetime(2026, 3, 29, 14, 37, 42, 5, tzinfo=UTC),
        "amount": Decimal("1.00000001"),
        "volumes": [Decimal("0.1"), None],
        "none": None,
        "share": 0.25,
        "place": 3,
    }
    types = {
        "at": "DateTime64(6, 'UTC')",
        "amount": "Nullable(Decimal(38, 8))",
        "volumes": "Array(Nullable(Decimal(38, 8)))",
        "none": "Nullable(String)",
        "share": "Float64",
        "place": "UInt64",
    }
    answer = Answer(Call("x", "select 1"), (row,), "query-1", 1.0, 1, 1, tuple(types.items()))
    made = exports.of_answer(answer)
    table = pq.read_table(io.BytesIO(exports.to_parquet(made))).to_pylist()
    assert table[0]["amount"] == Decimal("1.00000001")
    assert table[0]["at"] == row["at"]
    assert table[0]["volumes"] == '["0.1",null]'
    lines = exports.to_csv(exports.of_answer(answer, ("place", "share"))).decode()
    assert lines == "place,share\n3,0.25\n"
    assert exports.to_excel(made)
    nothing = Answer(Call("x", "select 1"), (), "query-1", 1.0, 1, 1, tuple(types.items()))
    assert exports.to_csv(exports.of_answer(nothing)).decode().startswith("at,amount")
