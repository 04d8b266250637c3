"""Which models of the slower tiers run next: they take turns, so that the light ones stay fresh.

After a run a model rests: as long as it took, and at least as long as its tier says. Each turn
takes the models that have waited longest, as many as it has time for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from operator import itemgetter

from infra.settings import Settings
from infra.transform.project import ModelRun

# Shortest rest: seconds of snapshots, and what part of the rest of tier `background`, which has a
# setting, is enough for the other models.
SNAPSHOT_SECONDS = 300.0
SLOW_PART = 1 / 6
# Of the time a run took. No more, however little is to spare: what rests longer has more to do.
RESTS = 1.0
# What a turn may take, as far as is known: the models that it leaves out wait as long.
TURN_SECONDS = 2.0
FAILED_SECONDS = 10.0
# What a model takes until it is known.
UNKNOWN_SECONDS = 0.25


@dataclass(slots=True)
class _Model:
    tier: str
    due: float
    seconds: float = UNKNOWN_SECONDS


class Turns:
    """The models, each with its tier. At first all of them rest, from a moment `now` on; times are
    those of time.monotonic(). Models that have waited
    equally long keep the order of `tiers`."""

    def __init__(self, tiers: Mapping[str, str], now: float, settings: Settings) -> None:
        self._rest = {
            "slow": settings.background_seconds * SLOW_PART,
            "background": settings.background_seconds,
            "snapshot": SNAPSHOT_SECONDS,
        }
        self._models = {
            name: _Model(tier, now + self._rest[tier])
            for name, tier in tiers.items()
            if tier in self._rest
        }

    def next(self, tiers: Collection[str], now: float) -> list[str]:
        """Models of these tiers to run now; none if all rest."""
        waiting = [
            (model.due, name)
            for name, model in self._models.items()
            if model.tier in tiers and model.due <= now
        ]
        chosen: list[str] = []
        seconds = 0.0
        for _, name in sorted(waiting, key=itemgetter(0)):
            seconds += self._models[name].seconds
            if chosen and seconds > TURN_SECONDS:
                break
            chosen.append(name)
        return chosen

    def done(self, chosen: Iterable[str], runs: Iterable[ModelRun], now: float) -> None:
        """What was chosen has run; what failed or was not reached comes back after ten seconds,
        what had nothing to do after the shortest rest of its tier."""
        ran = {run.model: run for run in runs if run.is_idle or run.status == "success"}
        for name in chosen:
            model = self._models[name]
            run = ran.get(name)
            if run and not run.is_idle:
                model.seconds = run.seconds
            least = self._rest[model.tier] if run else FAILED_SECONDS
            model.due = now + max(least, 0.0 if run and run.is_idle else RESTS * model.seconds)
