"""Retries: payments that were declined softly and are attempted again, by the same account at the
same merchant for the same amount and currency. Some of them succeed.

A retry takes the place of an ordinary payment, as fraud does, and keeps its id and its moment.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingestion.generator.payments import Payments, replace_payments
from ingestion.generator.rows import Ints, text
from ingestion.generator.world import FAILED, World

# Declines that may pass another time: group `soft` of seeds/decline_codes.csv.
SOFT_DECLINES = text(["insufficient_funds", "try_again_later", "do_not_honor"])
RETRY_SHARE = 0.4  # of the payments declined so
_DECLINES = 0.5  # of the retries; one that is declined softly may be tried once more

Retries = dict[str, NDArray[Any]]
"""Columns of equal length: due (µs since 1970), account, merchant, cents, currency, ip, device."""


def plan_retries(
    rng: np.random.Generator, payments: Payments, place: Ints, shortest: int, longest: int
) -> tuple[Retries, Ints]:
    """Which of the payments at `place` are attempted again, `shortest` to `longest` µs after they
    occurred, shorter waits more often; and where these payments are."""
    failed = place[payments.status[place] == FAILED]
    soft = np.isin(payments.decline[failed], SOFT_DECLINES)
    chosen = failed[soft & (rng.random(len(failed)) < RETRY_SHARE)]
    wait = shortest + (longest - shortest) * rng.random(len(chosen)) ** 3
    retries = {
        "due": payments.occurred[chosen] + wait.astype(np.int64),
        "account": payments.account[chosen],
        "merchant": payments.merchant[chosen],
        "cents": payments.cents[chosen],
        "currency": payments.currency[chosen],
        "ip": payments.ip[chosen],
        "device": payments.device[chosen],
    }
    return retries, chosen


def no_retries() -> Retries:
    """No rows, all columns."""
    ints = np.empty(0, dtype=np.int64)
    return {
        "due": ints,
        "account": ints,
        "merchant": ints,
        "cents": ints,
        "currency": ints,
        "ip": np.empty(0, dtype="S1"),
        "device": np.empty(0, dtype="S1"),
    }


def plant_retries(
    rng: np.random.Generator, world: World, payments: Payments, place: Ints, retries: Retries
) -> None:
    """Turn the payments at `place` into these retries."""
    columns = {name: column for name, column in retries.items() if name != "due"}
    replace_payments(rng, world, payments, place, columns, _DECLINES)
