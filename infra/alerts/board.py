"""All rules at once: how each stands after a round, what changed, and what the page lists."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from infra.alerts.rules import Broken, Rule, RuleFile
from infra.alerts.states import Notice, Reading, Standing, follow, moved, sentence
from infra.alerts.store import Change, Check

REMOVED = "The rule was taken out of the rule file."


@dataclass(frozen=True, slots=True)
class Board:
    """What is known of the rules, by name; a round makes a new one."""

    standings: Mapping[str, Standing]
    rules: Mapping[str, Rule] = field(default_factory=dict)
    broken: tuple[Broken, ...] = ()
    readings: Mapping[str, Reading] = field(default_factory=dict)

    def with_file(self, file: RuleFile, name: str) -> Board:
        """The same with the rules of a file; one that cannot be used leaves those before it.

        `name`: under what the file itself is listed while something is wrong with all of it.
        """
        if file.problem:
            return replace(self, broken=(Broken(name, file.problem),))
        return replace(self, rules={rule.name: rule for rule in file.rules}, broken=file.broken)

    def due(self, before: Board, now: datetime) -> list[Rule]:
        """The rules to ask now: those whose time has come, and those that were written anew."""
        return [
            rule
            for rule in self.rules.values()
            if before.rules.get(rule.name) != rule
            or rule.name not in self.readings
            or now - self.readings[rule.name].at >= rule.every
        ]

    def after(
        self, readings: Mapping[str, Reading], now: datetime, channels: Sequence[str]
    ) -> tuple[Board, list[Change]]:
        """The board after these readings, and what changed; `channels` are told of notices."""
        standings = dict(self.standings)
        changes: list[Change] = []

        def move(
            name: str, after: Standing, notice: Notice, rule: Rule | None, reading: Reading | str
        ) -> None:
            before = standings.get(name)
            standings[name] = after
            if before and before.state == after.state and not notice:
                return
            seen = reading if isinstance(reading, Reading) else None
            changes.append(
                Change(
                    change_id=uuid.uuid4(),
                    changed_at=now,
                    alert=name,
                    severity=rule.severity if rule else "warning",
                    state=after.state,
                    notice=notice,
                    channels=list(channels) if notice else [],
                    value=seen.value if seen else None,
                    threshold=seen.threshold if seen else None,
                    message=sentence(rule, after.state, seen) if rule and seen else str(reading),
                    look_at=rule.look_at if rule else "alerts",
                )
            )

        for name, reading in readings.items():
            rule = self.rules[name]
            move(name, *follow(rule, standings.get(name), reading), rule, reading)
        for one in self.broken:
            move(one.name, *moved(standings.get(one.name), "error", now), None, said(one))
        listed = {*self.rules, *(one.name for one in self.broken)}
        for name in standings.keys() - listed:
            move(name, *moved(standings[name], "ok", now), None, REMOVED)
        board = replace(self, standings=standings, readings={**self.readings, **readings})
        return board, changes

    def checks(self, now: datetime) -> list[Check]:
        """How each rule of the file stands, in its order; what is broken first."""
        checks = [
            Check(
                alert=one.name,
                position=position,
                sentence="",
                severity="warning",
                state="error",
                since=self.standings[one.name].since,
                value=None,
                threshold=None,
                value_shown="",
                fires_when="",
                hold_seconds=0,
                look_at="alerts",
                message=said(one),
                milliseconds=0.0,
                checked_at=now,
                listed_at=now,
            )
            for position, one in enumerate(self.broken)
        ]
        for position, (name, rule) in enumerate(self.rules.items(), start=len(checks)):
            reading, standing = self.readings[name], self.standings[name]
            checks.append(
                Check(
                    alert=name,
                    position=position,
                    sentence=rule.sentence,
                    severity=rule.severity,
                    state=standing.state,
                    since=standing.since,
                    value=reading.value,
                    threshold=reading.threshold,
                    value_shown="" if reading.value is None else rule.show(reading.value),
                    fires_when=rule.show_condition(reading.threshold),
                    hold_seconds=int(rule.hold.total_seconds()),
                    look_at=rule.look_at,
                    message=reading.error or reading.detail,
                    milliseconds=reading.milliseconds,
                    checked_at=reading.at,
                    listed_at=now,
                )
            )
        return checks


def said(broken: Broken) -> str:
    """What is wrong with a rule, in a line."""
    problem = broken.problem
    return f"{problem.message}: {problem.why}. {problem.fix}"
