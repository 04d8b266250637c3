"""The rule file, `alerts.yml`: read, checked, one broken rule never in the way of the others.

A problem is a FinhouseError that names file and line, what is wrong, why, and what to write.
"""

from __future__ import annotations

import operator
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
)

from dashboard import formats
from infra import textfile
from infra.errors import FinhouseError
from infra.settings import ROOT

MOST_RULES = 200
SEVERITIES = ("critical", "warning", "info")
HOW_TO = "docs/how-to/add-an-alert.md"

_COMPARE: Mapping[str, Callable[[Decimal, Decimal], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    "!=": operator.ne,
}
_CONDITION = re.compile(r"value\s*(>=|<=|!=|>|<|=)\s*(threshold|-?\d{1,18}(?:\.\d{1,8})?)")
_LENGTH = re.compile(r"(\d{1,6})\s*(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_WORDS = {"fx": "FX", "postgres": "Postgres", "kafka": "Kafka", "sql": "SQL"}
_SHOWN: Mapping[str, Callable[[Decimal], str]] = {
    "integer": lambda value: formats.decimal(value) if value % 1 else formats.integer(int(value)),
    "decimal": formats.decimal,
    "percent": lambda value: formats.percent(float(value)),
    "euro": formats.euro,
    "seconds": lambda value: formats.seconds(float(value)),
}


def label_of(name: str) -> str:
    """The name of an alert as a reader sees it; file and line of one without a name stay so."""
    words = [_WORDS.get(word, word) for word in name.split("_")]
    text = " ".join(words)
    return text if "." in text else text[:1].upper() + text[1:]


def pages() -> set[str]:
    """The pages of the dashboard, by the last part of their address."""
    return {path.stem for path in (ROOT / "dashboard" / "app_pages").glob("*.py")}


@dataclass(frozen=True, slots=True)
class Condition:
    """`value <sign> <limit>`; `limit` None: the query says it, in a column `threshold`."""

    sign: str
    limit: Decimal | None

    def is_met(self, value: Decimal, threshold: Decimal) -> bool:
        """Whether the alert is to fire."""
        return _COMPARE[self.sign](value, threshold)


def _condition(text: object) -> object:
    if isinstance(text, Condition):
        return text
    found = _CONDITION.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        raise ValueError(
            "write it as `value > 60`, or `value < threshold` for a column `threshold`"
        )
    sign, limit = found.groups()
    return Condition(sign, None if limit == "threshold" else Decimal(limit))


def _length(text: object) -> object:
    if isinstance(text, timedelta):
        return text
    found = _LENGTH.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        raise ValueError("write a length of time with its unit: 30s, 5m, 1h or 1d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _one_line(text: object) -> object:
    return " ".join(text.split()) if isinstance(text, str) else text


Length = Annotated[timedelta, BeforeValidator(_length)]
Sentence = Annotated[
    str, BeforeValidator(_one_line), StringConstraints(min_length=1, max_length=300)
]


class Rule(BaseModel):
    """One alert: fires once `when` has been true for `hold`."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")
    sentence: Sentence
    sql: str = Field(max_length=20_000)
    when: Annotated[Condition, BeforeValidator(_condition)]
    hold: Length = Field(default=timedelta(), alias="for", le=timedelta(days=7))
    severity: Literal["critical", "warning", "info"]
    shown_as: Literal["integer", "decimal", "percent", "euro", "seconds"] = "decimal"
    look_at: str
    every: Length = Field(default=timedelta(), le=timedelta(days=1))
    timeout: Length = Field(
        default=timedelta(seconds=5), ge=timedelta(seconds=1), le=timedelta(seconds=15)
    )

    @field_validator("sql")
    @classmethod
    def _is_one_question(cls, sql: str) -> str:
        sql = sql.strip().removesuffix(";").rstrip()
        if not re.match(r"(select|with)\b", sql, re.IGNORECASE):
            raise ValueError("begin with `select` or `with`")
        return sql

    @field_validator("look_at")
    @classmethod
    def _is_a_page(cls, page: str) -> str:
        if page not in pages():
            raise ValueError(f"name a page of the dashboard: {', '.join(sorted(pages()))}")
        return page

    def show(self, value: Decimal) -> str:
        """A value of this rule in its format."""
        return _SHOWN[self.shown_as](value)

    def show_condition(self, threshold: Decimal | None) -> str:
        """When it fires: `> 60 s`, with the query's threshold if that is known."""
        limit = self.when.limit if self.when.limit is not None else threshold
        return f"{self.when.sign} {'threshold' if limit is None else self.show(limit)}"


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that cannot be used; `name` is its name, or where it stands if it has none."""

    name: str
    problem: FinhouseError


@dataclass(frozen=True, slots=True)
class RuleFile:
    """What the file says. `problem`: why none of it can be used, if that is so."""

    rules: tuple[Rule, ...] = ()
    broken: tuple[Broken, ...] = ()
    problem: FinhouseError | None = None

    @property
    def problems(self) -> list[FinhouseError]:
        """All that is wrong, in the order of the file."""
        return [self.problem] if self.problem else [one.problem for one in self.broken]


@dataclass(slots=True)
class Reader:
    """Reads the file again when it has changed."""

    path: Path
    _seen: tuple[int, int] | None = field(default=None, init=False)
    _last: RuleFile = field(default_factory=RuleFile, init=False)

    def read(self) -> RuleFile:
        """The rules of now. Never raises."""
        try:
            stat = self.path.stat()
            seen = stat.st_mtime_ns, stat.st_size
        except OSError:
            seen = None
        if seen is None or seen != self._seen:
            self._seen, self._last = seen, read_rules(self.path)
        return self._last


def read_rules(path: Path) -> RuleFile:
    """Read and check the rule file. Never raises: what is wrong is in the result."""
    try:
        loader = yaml.SafeLoader(textfile.read(path))
        root = loader.get_single_node()
    except OSError as error:
        return _unusable(path, str(error.strerror), "write one, or set FINHOUSE_ALERT_RULES")
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path.name}:{mark.line + 1}" if mark else path.name
        return _unusable(path, _reason(error), f"correct it; {HOW_TO} has an example", where)
    items = _items(root)
    if items is None:
        return _unusable(path, "it is not `alerts:` and a list of rules", f"see {HOW_TO}")
    if len(items) > MOST_RULES:
        return _unusable(path, f"it has more than {MOST_RULES} rules", "take some out")
    found = [_rule(path, loader, node) for node in items]
    names = Counter(one.name for one in found if isinstance(one, Rule))
    checked: list[Rule | Broken] = []
    for one, node in zip(found, items, strict=True):
        if isinstance(one, Rule) and names[one.name] > 1:
            why = f"{names[one.name]} rules have this name"
            one = _broken(path, node.start_mark.line + 1, one.name, [why])
        checked.append(one)
    return RuleFile(
        tuple(one for one in checked if isinstance(one, Rule)),
        tuple(one for one in checked if isinstance(one, Broken)),
    )


def _unusable(path: Path, why: str, fix: str, where: str = "") -> RuleFile:
    error = FinhouseError(
        f"{where or path.name} cannot be used", why=why, fix=f"{fix} ({path})", exit_code=2
    )
    return RuleFile(problem=error)


def _items(root: Any) -> list[Any] | None:
    """The nodes of the rules; None if the file has another shape."""
    if isinstance(root, yaml.MappingNode) and len(root.value) == 1:
        key, rules = root.value[0]
        if key.value == "alerts" and isinstance(rules, yaml.SequenceNode):
            return list(rules.value)
    return None


def _rule(path: Path, loader: yaml.SafeLoader, node: Any) -> Rule | Broken:
    """One rule, or what is wrong with it."""
    line = node.start_mark.line + 1
    if not isinstance(node, yaml.MappingNode):
        return _broken(path, line, "", ["it is not a list of `key: value`"])
    lines = {key.value: key.start_mark.line + 1 for key, _ in node.value if _is_text(key)}
    try:
        names = Counter(key.value for key, _ in node.value if _is_text(key))
        if twice := [name for name, count in names.items() if count > 1]:
            raise ValueError(f"`{twice[0]}` is there twice")
        content = loader.construct_object(node, deep=True)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        return _broken(path, line, "", [_reason(error)])
    name = str(content["name"])[:63] if isinstance(content.get("name"), str) else ""
    try:
        return Rule.model_validate(content)
    except ValidationError as error:
        reasons = []
        for found in error.errors():
            key = str(found["loc"][0]) if found["loc"] else ""
            line = lines.get(key, line)
            reasons.append(_said(key, found["type"], found["msg"]))
        return _broken(path, line, name, reasons)


def _is_text(node: Any) -> bool:
    return isinstance(node, yaml.ScalarNode)


def _said(key: str, kind: str, message: str) -> str:
    """What pydantic found, as one says it of a file."""
    if kind == "missing":
        return f"`{key}` is missing"
    if kind == "extra_forbidden":
        return f"there is no `{key}`"
    return f"`{key}`: {message.removeprefix('Value error, ')}"


def _broken(path: Path, line: int, name: str, reasons: list[str]) -> Broken:
    where = f"{path.name}:{line}"
    error = FinhouseError(
        f"{where}: rule {name or 'without a name'} cannot be used",
        why="; ".join(reasons)[:1000],
        fix=f"correct it; {HOW_TO} says what a rule has, ./finhouse alerts --check looks again",
        exit_code=2,
    )
    return Broken(name or where, error)


def _reason(error: Exception) -> str:
    """A reader's error in a line."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    text = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    return " ".join(str(text).split())[:300]
