"""Saved views and annotations: what is shipped can be used, a mistake says where and what."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dashboard import filters, views
from infra.errors import FinhouseError


def write(tmp_path: Path, text: str, name: str = "views.yml") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_shipped_can_be_used() -> None:
    assert len(views.saved()) >= 3
    assert views.all_marks() == []


def test_no_file_is_no_view(tmp_path: Path) -> None:
    assert views.saved(tmp_path / "views.yml") == ()
    assert views.all_marks(tmp_path / "annotations.yml") == []


def test_a_view_is_written_as_the_url_has_it(tmp_path: Path) -> None:
    times = "from: '2026-03-01T00:00', to: '2026-03-03T00:00'"
    path = write(
        tmp_path,
        "views:\n"
        "  - name: Two days\n"
        "    page: explore\n"
        f"    filters: {{status: [failed, pending], {times}}}\n",
    )
    (view,) = views.saved(path)
    selection = filters.parse(view.values)
    assert selection.of("status") == ("failed", "pending")
    assert selection.zoom
    assert selection.zoom.label == "01 Mar 00:00 – 03 Mar 00:00 UTC"


def test_what_the_sidebar_writes_can_be_put_into_the_file(tmp_path: Path) -> None:
    chosen = {"range": "7d", "category": "travel", "currency": ["EUR", "USD"]}
    lines = views.as_text("overview", chosen).splitlines()
    path = write(tmp_path, "views:\n" + "".join(f"  {line}\n" for line in lines))
    (view,) = views.saved(path)
    assert dict(view.filters) == {**chosen, "currency": ("EUR", "USD")}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("views: [", "while parsing"),
        ("other: []", "it is not `views:`"),
        ("views: {}", "it is not `views:`"),
        ("- a", "it is not `views:`"),
        ("views:\n  - {name: A}", "`page`: Field required"),
        ("views:\n  - {name: A, page: risk, color: red}", "`color`"),
        ("views:\n  - {name: A, page: sql}", "there is no page `sql`"),
        ("views:\n  - {name: A, page: accounts, filters: {country: DE}}", "has no `country`"),
        ("views:\n  - {name: A, page: risk, filters: {range: 9d}}", "`range` is one of 24h"),
        (
            "views:\n  - {name: A, page: fx, filters: {currency: '; drop'}}",
            "`currency` has a value that is none",
        ),
        ("views:\n  - {name: A, page: fx, filters: {from: '2026-03-01T00:00'}}", "`from` has"),
        ("views:\n  - {name: '" + "x" * 61 + "', page: fx}", "`name`"),
    ],
)
def test_a_mistake_says_where_and_what(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(FinhouseError) as wrong:
        views.saved(write(tmp_path, text))
    assert wrong.value.message.startswith("views.yml")
    assert said in (wrong.value.why or "")
    assert wrong.value.fix


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path, "views: []")
    assert views.saved(path) == ()
    write(tmp_path, "views:\n  - {name: A, page: risk}\n")
    assert [view.name for view in views.saved(path)] == ["A"]


def test_annotations_are_moments_in_utc_by_time(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "annotations:\n"
        "  - {at: 2026-03-29T16:37:00+02:00, label: B, kind: incident}\n"
        "  - {at: 2026-03-01T00:00:00Z, label: A, kind: deploy}\n",
        "annotations.yml",
    )
    assert [mark.label for mark in views.all_marks(path)] == ["A", "B"]
    moment = datetime(2026, 3, 29, 14, 37, tzinfo=UTC)
    day = timedelta(days=1)
    assert [mark.at for mark in views.marks(moment, moment + day, path)] == [moment]
    assert views.marks(moment - day, moment, path) == []


@pytest.mark.parametrize("entry", ["{at: noon, label: A, kind: fx}", "{label: A, kind: fx}", "7"])
def test_a_broken_annotation_is_told_and_breaks_no_chart(tmp_path: Path, entry: str) -> None:
    path = write(tmp_path, f"annotations:\n  - {entry}\n", "annotations.yml")
    with pytest.raises(FinhouseError, match=r"annotations\.yml: entry 1"):
        views.all_marks(path)
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    assert views.marks(begin, begin + timedelta(days=9), path) == []
