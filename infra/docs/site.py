"""Builds the documentation site: one folder of pages that make no request to any other machine."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2

from infra.docs import artifacts
from infra.errors import FinhouseError
from infra.settings import ROOT, Settings
from infra.transform.warehouse import connect

SITE = ROOT / "target" / "site"
# The browser itself refuses what would leave the machine, should a tool ever try.
_POLICY = (
    '<meta http-equiv="Content-Security-Policy" content="'
    "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; form-action 'none'\">"
)

Report = Callable[[str, str, float], None]


@dataclass(frozen=True, slots=True)
class Site:
    """A built site. `health` is 0..100; of `columns` columns the origin of `traced` is known."""

    folder: Path
    is_live: bool
    columns: int
    traced: int
    health: float
    bytes: int


def build(settings: Settings, report: Report, folder: Path = SITE) -> Site:
    """Build the site into `folder`, which is replaced once the new one is complete.

    `report` is told of each finished step: title, detail, seconds. Types come from ClickHouse if it
    answers, otherwise from the contracts. Raises FinhouseError if dbt or a tool fails.
    """
    began = time.monotonic()

    def done(title: str, detail: str) -> None:
        nonlocal began
        now = time.monotonic()
        report(title, detail, now - began)
        began = now

    folder.parent.mkdir(parents=True, exist_ok=True)
    is_live = _answers(settings)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="docs-") as name:
        work, pages = Path(name), Path(name) / "site"
        manifest, catalog = _dbt_docs(settings, work, pages / "dbt", is_live=is_live)
        unknown = artifacts.complete(catalog, manifest)
        types = "ClickHouse" if is_live else "the contracts"
        if is_live and unknown:
            types += f", {unknown} tables it has not yet from the contracts"
        done("dbt docs", f"types from {types}")

        tested = artifacts.tested(manifest)
        artifacts.explain(manifest)
        _write(work, manifest, catalog)
        models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
        columns = sum(len(model["columns"]) for model in models)
        traced = _column_lineage(work, pages / "columns", models)
        done("column lineage", f"{traced} of {columns} columns traced")
        health = _health(work, pages / "health")
        done("health, star schema", f"{health:.0f} of 100")

        template = Path(__file__).with_name("start.html").read_text(encoding="utf-8")
        start = jinja2.Template(template, autoescape=True).render(
            models=len(models),
            columns=columns,
            traced=traced,
            tested=tested,
            health=f"{health:.0f}",
            types=types,
            built=f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
            gold=sorted(
                (model for model in models if model["schema"] == "gold"),
                key=lambda model: str(model["name"]),
            ),
        )
        (pages / "index.html").write_text(start, encoding="utf-8")
        for page in pages.rglob("*.html"):
            text = page.read_text(encoding="utf-8")
            page.write_text(text.replace("<head>", f"<head>{_POLICY}", 1), encoding="utf-8")
        size = sum(path.stat().st_size for path in pages.rglob("*") if path.is_file())
        shutil.rmtree(folder, ignore_errors=True)
        pages.rename(folder)
    return Site(folder, is_live, columns, traced, health, size)


def _answers(settings: Settings) -> bool:
    logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL)  # being away is no error
    try:
        connect(settings).close()
    except FinhouseError:
        return False
    return True


def _dbt_docs(
    settings: Settings, work: Path, page: Path, *, is_live: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write dbt's own page; returns manifest and catalog. Without a server the catalog is empty."""
    offline = [] if is_live else ["--empty-catalog", "--no-populate-cache"]
    done = _dbt(settings, work, "docs", "generate", "--static", *offline)
    if done.returncode != 0:
        raise FinhouseError(
            "dbt cannot make its documentation",
            why="\n        ".join(done.stdout.strip().splitlines()[-8:]) or done.stderr[-600:],
            fix="./finhouse dbt docs generate shows the whole output",
            exit_code=1,
        )
    (work / "run_results.json").unlink()  # of the compilation: no test is in it
    manifest, catalog = _read(work / "manifest.json"), _read(work / "catalog.json")
    text = (work / "manifest.json").read_text(encoding="utf-8")
    html = (work / "static_index.html").read_text(encoding="utf-8")
    page.mkdir(parents=True)
    (page / "index.html").write_text(
        html.replace(text, json.dumps(_shown(manifest), separators=(",", ":"))), encoding="utf-8"
    )
    return manifest, catalog


def _shown(manifest: dict[str, Any]) -> dict[str, Any]:
    """What dbt's page shows of a manifest: none of the macros that are dbt's own, texts where they
    are used, nothing that only dbt reads again."""
    project = manifest["metadata"]["project_name"]
    own = {
        name: macro
        for name, macro in manifest["macros"].items()
        if macro["package_name"] == project
    }
    start = {key: doc for key, doc in manifest["docs"].items() if doc["name"] == "__overview__"}
    unread = ("unrendered_config", "checksum", "compiled_path", "created_at", "extra_ctes")
    slim = {
        kind: {
            key: {name: value for name, value in node.items() if name not in unread}
            for key, node in manifest[kind].items()
        }
        for kind in ("nodes", "unit_tests")
    }
    return {**manifest, **slim, "macros": own, "docs": start}


def _dbt(settings: Settings, work: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    folder = str(ROOT)
    # fmt: off
    command = [
        str(Path(sys.executable).with_name("dbt")), *arguments, "--project-dir", folder,
        "--profiles-dir", folder, "--target-path", str(work), "--log-level-file", "none",
        "--no-use-colors",
    ]
    # fmt: on
    environment = {**os.environ, **settings.environment()}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def _column_lineage(work: Path, page: Path, models: list[dict[str, Any]]) -> int:
    """Write the page of dbt-colibri; returns how many columns of models have a known origin."""
    # Its command line would ask the package index for news, its classes do not.
    from dbt_colibri.lineage_extractor.extractor import DbtColumnLineageExtractor
    from dbt_colibri.report.generator import DbtColibriReportGenerator

    for name in ("colibri", "sqlglot"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    extractor = DbtColumnLineageExtractor(str(work / "manifest.json"), str(work / "catalog.json"))
    report = DbtColibriReportGenerator(extractor, light_mode=True, disable_telemetry=True)
    report.generate_report(output_dir=str(page))
    lineage = _read(page / "colibri-manifest.json")["lineage"]
    for path in page.glob("*.json"):
        path.unlink()  # all of it is in the page
    traced = {(edge["target"], edge["targetColumn"]) for edge in lineage["edges"]}
    return sum(
        (model["unique_id"], name) in traced for model in models for name in model["columns"]
    )


def _health(work: Path, page: Path) -> float:
    """Write the pages of docglow; returns its score, 0..100."""
    from docglow.generator.site import generate_site

    logging.getLogger("docglow").setLevel(logging.ERROR)
    _, score = generate_site(
        project_dir=Path(__file__).parent,  # of its settings
        target_dir=work,
        output_dir=page,
        static=True,
        slim=True,
        enable_erd=True,
        title="finhouse",
    )
    return score


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _write(work: Path, manifest: dict[str, Any], catalog: dict[str, Any]) -> None:
    (work / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (work / "catalog.json").write_text(json.dumps(catalog), encoding="utf-8")
