"""Draws payments: who pays whom how much, and whether it works. History and stream share it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingestion.generator.origins import draw_origins
from ingestion.generator.rows import (
    NULL,
    Bytes,
    Ints,
    copy_text,
    id_text,
    money_text,
    time_ordered_ids,
    time_text,
)
from ingestion.generator.world import (
    CURRENCIES,
    DECLINE_CODES,
    FAILED,
    PENDING,
    STATUSES,
    SUCCESS,
    Floats,
    World,
)

_HOUR_WEIGHTS = np.array(
    [3, 2, 1, 1, 1, 2, 4, 8, 12, 14, 15, 17, 20, 18, 15, 14, 15, 18, 21, 22, 18, 13, 9, 5.0]
)
_WEEKDAY_WEIGHTS = np.array([1.0, 0.95, 1.0, 1.05, 1.3, 1.4, 0.85])  # Monday first
_HOUR = 3_600_000_000
EXTREME_CENTS = 25_000_000


@dataclass(frozen=True, slots=True)
class Payments:
    """Payments as columns; indexes point into the world. Times in µs since 1970, UTC."""

    id: Bytes
    account: Ints
    merchant: Ints
    occurred: Ints
    cents: Ints
    currency: Ints
    status: Ints
    decline: Bytes
    ip: Bytes
    device: Bytes

    def copy_rows(self, world: World, updated: Ints) -> bytes:
        """COPY text in the column order of finance.transactions."""
        return copy_text(
            [
                self.id,
                world.accounts.id[self.account],
                world.merchants.id[self.merchant],
                time_text(self.occurred),
                money_text(self.cents),
                CURRENCIES[self.currency],
                STATUSES[self.status],
                self.decline,
                self.ip,
                self.device,
                time_text(updated),
            ]
        )


def history_moments(rng: np.random.Generator, now: int, days: int, count: int) -> Ints:
    """`count` moments in the `days` before `now`, ascending, shaped by hour and weekday."""
    begin = now - days * 24 * _HOUR
    hours = np.arange(begin // _HOUR * _HOUR, now, _HOUR)
    starts = np.maximum(hours, begin)
    lengths = np.minimum(hours + _HOUR, now) - starts
    weekday = (hours // (24 * _HOUR) + 3) % 7  # 1 January 1970 was a Thursday
    weights = _HOUR_WEIGHTS[hours // _HOUR % 24] * _WEEKDAY_WEIGHTS[weekday] * lengths
    per_hour = rng.multinomial(count, weights / weights.sum())
    moments = np.repeat(starts, per_hour) + (
        rng.random(count) * np.repeat(lengths, per_hour)
    ).astype(np.int64)
    return np.sort(moments)


def draw_payments(
    rng: np.random.Generator,
    world: World,
    homes: Ints,
    created: Ints,
    occurred: Ints,
    known_accounts: Ints | int,
    known_merchants: int,
    pending_share: Floats | float,
) -> Payments:
    """Draw one payment per moment among the first `known_…` accounts and merchants.

    `created` orders the identifiers, `occurred` is what the payment says. Low-numbered accounts
    pay more often, from their `homes`. Every merchant has its own ticket, currencies and reasons to
    decline.
    """
    count = len(created)
    shops = world.merchants
    chances = rng.random((9, count))
    account = (chances[0] ** 2 * known_accounts).astype(np.int64)
    popularity = np.cumsum(shops.weight[:known_merchants])
    merchant = np.searchsorted(popularity, chances[1] * popularity[-1], side="right")
    ticket = shops.ticket_log_mean[merchant] + shops.ticket_log_spread[merchant] * (
        rng.standard_normal(count)
    )
    cents = np.clip(np.exp(ticket), 50, 5_000_000).astype(np.int64)
    cents[chances[2] < 2e-5] = 1
    cents[chances[2] > 1 - 4e-6] = EXTREME_CENTS
    status = np.select(
        [chances[3] < pending_share, chances[4] < shops.decline_share[merchant]],
        [PENDING, FAILED],
        default=SUCCESS,
    )
    ip, device = draw_origins(world, homes, account, occurred, chances[[6, 8]])
    return Payments(
        id=id_text(time_ordered_ids(rng, created)),
        account=account,
        merchant=merchant,
        occurred=occurred,
        cents=cents,
        currency=np.where(
            chances[7] < 0.85, shops.home_currency[merchant], (chances[5] * 3).astype(np.int64)
        ),
        status=status,
        decline=np.where(status == FAILED, decline_codes(rng, world, merchant), NULL),
        ip=ip,
        device=device,
    )


def replace_payments(
    rng: np.random.Generator,
    world: World,
    payments: Payments,
    place: Ints,
    columns: Mapping[str, NDArray[Any]],
    declines: Floats | float,
) -> None:
    """Let other attempts take the place of the payments at `place`: `columns` of Payments, the
    merchant among them, and a new outcome. What is pending stays so."""
    for name, column in columns.items():
        getattr(payments, name)[place] = column
    failed = rng.random(len(place)) < declines
    undecided = payments.status[place] == PENDING
    status = np.select([undecided, failed], [PENDING, FAILED], default=SUCCESS)
    payments.status[place] = status
    codes = decline_codes(rng, world, payments.merchant[place])
    payments.decline[place] = np.where(status == FAILED, codes, NULL)


def decline_codes(rng: np.random.Generator, world: World, merchant: Ints) -> Bytes:
    """Why each of these merchants would decline a card."""
    mix = world.merchants.decline_mix[merchant]
    reason = (rng.random(len(merchant))[:, None] > mix).sum(axis=1)
    codes: Bytes = DECLINE_CODES[np.minimum(reason, len(DECLINE_CODES) - 1)]
    return codes
