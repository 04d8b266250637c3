"""Rows as bytes for COPY and as array literals for UPDATE, built for whole columns at once.

A column is a numpy array of byte strings, which numpy pads with zero bytes. Text never contains a
zero byte, so a table is its columns side by side with every zero byte taken out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.bytes_]
Ints = NDArray[np.int64]
Ids = NDArray[np.uint8]  # shape (n, 16)

NULL = b"\\N"
_HEX = np.frombuffer(bytes(range(256)).hex().encode(), dtype="S2")
_CENTS = np.array([f".{cents:02d}" for cents in range(100)], dtype="S3")


def random_ids(rng: np.random.Generator, count: int) -> Ids:
    """Random identifiers (UUID version 4), shape (count, 16)."""
    ids = rng.integers(0, 256, size=(count, 16), dtype=np.uint8)
    return _marked(ids, version=4)


def time_ordered_ids(rng: np.random.Generator, moments: Ints) -> Ids:
    """Identifiers that sort by time (UUID version 7), one per moment in µs since 1970.

    New keys land at the end of the primary key's index, which keeps inserts and WAL small.
    """
    ids = rng.integers(0, 256, size=(len(moments), 16), dtype=np.uint8)
    millis = (moments // 1000).astype(">u8")
    ids[:, :6] = millis.view(np.uint8).reshape(-1, 8)[:, 2:]
    return _marked(ids, version=7)


def _marked(ids: Ids, version: int) -> Ids:
    ids[:, 6] = (ids[:, 6] & 0x0F) | (version << 4)
    ids[:, 8] = (ids[:, 8] & 0x3F) | 0x80
    return ids


def id_text(ids: Ids) -> Bytes:
    """Identifiers as 32 hexadecimal digits, which Postgres reads as uuid."""
    return np.ascontiguousarray(_HEX[ids]).view("S32").reshape(-1)


def text(values: Sequence[str]) -> Bytes:
    """Any strings as UTF-8."""
    return np.array([value.encode() for value in values], dtype=np.bytes_)


def time_text(moments: Ints) -> Bytes:
    """Moments in µs since 1970 as `YYYY-MM-DDThh:mm:ss.ffffff+00`."""
    iso = np.datetime_as_string(moments.view("M8[us]"))  # four bytes a character, all ASCII
    characters = np.ascontiguousarray(iso).view(np.uint32).astype(np.uint8)
    return np.strings.add(characters.view(f"S{iso.itemsize // 4}"), b"+00")


def money_text(cents: Ints) -> Bytes:
    """Non-negative amounts in cents as exact decimals with two places."""
    return np.strings.add((cents // 100).astype("S17"), _CENTS[cents % 100])


def copy_text(columns: Sequence[Bytes]) -> bytes:
    """Columns of equal length as COPY text: tabs between them, one line per row."""
    if not len(columns[0]):
        return b""
    parts: list[NDArray[np.uint8]] = []
    tab = np.full((len(columns[0]), 1), ord("\t"), dtype=np.uint8)
    for column in columns:
        parts += [np.ascontiguousarray(column).view(np.uint8).reshape(len(column), -1), tab]
    parts[-1] = np.full_like(tab, ord("\n"))
    table = np.hstack(parts)
    filled: NDArray[np.uint8] = table[table != 0]
    return filled.tobytes()


def array_text(column: Bytes) -> str:
    """A column as an array literal; `\\N` becomes NULL. For values without quotes or commas."""
    return "{" + b",".join(column.tolist()).decode().replace("\\N", "NULL") + "}"
