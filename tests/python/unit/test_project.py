"""What must hold for the dbt project as a whole and no linter checks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

from dashboard.definitions import Better, Format
from infra.settings import ROOT, Settings


def models(nodes: dict[str, Any]) -> dict[str, Any]:
    return {name: node for name, node in nodes.items() if node["resource_type"] == "model"}


def test_readme_lists_the_gold_models_as_they_are(nodes: dict[str, Any]) -> None:
    """Paste the expected lines into README.md when this fails."""
    expected = []
    for name, node in sorted(models(nodes).items()):
        if node["config"]["schema"] != "gold":
            continue
        sentences = re.split(r"(?<=\.) ", " ".join(node["description"].split()))
        grain = sentences[-1].removeprefix("One row per ").rstrip(".")
        expected.append(f"| `{name}` | {grain} | {' '.join(sentences[:-1])} |")
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    found = [line for line in readme if line.startswith(("| `agg", "| `dim", "| `fct"))]
    found += [line for line in readme if line.startswith(("| `live", "| `pipe"))]
    assert found == expected


def test_readme_names_every_folder_and_file_of_settings() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    tree = readme.partition("## How it is laid out")[2].partition("Why a number")[0]
    there = {path.name for path in ROOT.iterdir() if path.is_dir() or path.suffix == ".yml"}
    there -= {"target", "logs"}  # made by dbt
    there = {name for name in there if not name.startswith((".", "__"))}
    assert {name for name in there if not re.search(rf"\b{re.escape(name)}\b", tree)} == set()
    seeds = {path.stem for path in (ROOT / "seeds").glob("*.csv")}
    assert len(re.search(r"^seeds (.*)$", tree, re.M)[1].split(",")) == len(seeds)  # type: ignore[index]


def test_every_measure_of_a_mart_has_its_definition(nodes: dict[str, Any]) -> None:
    """Pages take label, unit, format and direction from `meta`, and what it means from the
    description. A measure is a number that is neither key nor rank nor metadata (`_offset`)."""
    keys = {
        (test["attached_node"].rpartition(".")[2], column)
        for test in nodes.values()
        if test.get("test_metadata", {}).get("name") == "unique_key"
        for column in test["test_metadata"]["kwargs"]["columns"]
    }
    # What orders rows or says what one counts for.
    keys |= {("agg_pending_ageing", "age_order"), ("pipeline_freshness", "hop_order")}
    keys |= {("live_signed_payments", "sign"), ("pipeline_messages", "kafka_partition")}
    measures = {
        (name, column["name"]): column
        for name, node in models(nodes).items()
        if name.startswith(("agg_", "live_", "pipeline_"))
        for column in node["columns"].values()
        if re.search(r"\b(U?Int\d+|Float\d+|Decimal)\b", column["data_type"])
        and not column["name"].startswith("_")
        and not column["name"].endswith("_rank")
        and (name, column["name"]) not in keys
    }
    assert len(measures) > 200
    undefined = {
        key: sorted(missing)
        for key, column in measures.items()
        if (missing := {"label", "unit", "format", "better"} - column["config"]["meta"].keys())
        or not column["description"]
    }
    assert undefined == {}
    for key, column in measures.items():
        assert column["config"]["meta"]["format"] in get_args(Format), key
        assert column["config"]["meta"]["better"] in get_args(Better), key


def test_every_description_ends_with_its_grain(nodes: dict[str, Any]) -> None:
    without = [
        name
        for name, node in models(nodes).items()
        if "One row per " not in re.split(r"(?<=\.) ", " ".join(node["description"].split()))[-1]
    ]
    assert without == []


def test_bronze_logs_have_the_columns_their_contract_says(nodes: dict[str, Any]) -> None:
    """All logs have the one shape of kafka_log_ddl(), which reads no contract."""
    ddl = (ROOT / "macros" / "materializations" / "kafka_log_ddl.sql").read_text(encoding="utf-8")
    # A rebuild from a log that is cut off would lose rows.
    assert not re.search(r"\bttl\b", ddl.partition("-#}")[2])
    made = dict(re.findall(r"^        (\w+) (\w+(?:\(.*?\))?)(?: codec\(.*\))?,$", ddl, re.M))
    assert len(made) == 16
    logs = {
        name: {column["name"]: column["data_type"] for column in node["columns"].values()}
        for name, node in models(nodes).items()
        if node["config"]["materialized"] == "kafka_log"
    }
    assert len(logs) >= 8
    assert {name: columns for name, columns in logs.items() if columns != made} == {}


def test_incremental_tables_follow_the_batch_rule(nodes: dict[str, Any]) -> None:
    """Never partitioned (an INSERT would be several parts); the watermark survives merges."""
    incremental = {
        name: node
        for name, node in models(nodes).items()
        if node["config"]["materialized"] == "offset_append"
    }
    assert len(incremental) > 10
    for name, node in incremental.items():
        assert not node["config"].get("partition_by"), name
        watermark = node["columns"]["_offset"]["data_type"]
        aggregates = "Aggregating" in node["config"].get("engine", "")
        assert watermark == ("SimpleAggregateFunction(max, UInt64)" if aggregates else "UInt64"), (
            name
        )
    assert {
        node["config"]["materialized"]
        for name, node in models(nodes).items()
        if name not in incremental
    } == {"view", "kafka_log"}


def test_proofs_named_in_the_design_exist() -> None:
    named = set(
        re.findall(r"`(test_\w+)`", (ROOT / "docs" / "incremental.md").read_text(encoding="utf-8"))
    )
    files = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "models").rglob("*.yml")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    assert len(named) > 10
    assert {name for name in named if not re.search(rf"(def|name:) {name}\b", text)} == set()


def test_final_follows_no_ref() -> None:
    """FINAL on a view is silently ignored and on a CTE an error."""
    files = [*(ROOT / "models").rglob("*.sql"), *(ROOT / "macros").rglob("*.sql")]
    assert [
        str(path.relative_to(ROOT))
        for path in files
        if re.search(r"\}\}\s+final\b", path.read_text(encoding="utf-8"))
    ] == []


def test_figures_take_the_clock_from_now_utc() -> None:
    """today() and now() are in the server's time zone, and no test can stop them. No figures are:
    when a row was written (nowInBlock64), the writer lease, the time of a snapshot run."""
    clocks = {"macros/project/now_utc.sql", "macros/project/clickhouse__snapshot_get_time.sql"}
    clocks |= {str(path.relative_to(ROOT)) for path in (ROOT / "macros" / "ops").iterdir()}
    names = r"\b(now|now64|nowInBlock|today|yesterday|current_(date|timestamp)|utc_timestamp)\("
    files = [
        path
        for folder in ("models", "macros", "snapshots", "tests/dbt")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".sql", ".yml"}
    ]
    found = {
        str(path.relative_to(ROOT))
        for path in files
        if re.search(names, path.read_text(encoding="utf-8"), re.IGNORECASE)
    }
    assert "macros/project/now_utc.sql" in found
    assert found - clocks == set()


def test_no_machine_path_in_tracked_files() -> None:
    text = {
        path: path.read_text(encoding="utf-8", errors="ignore")
        for folder in ("infra", "ingestion", "dashboard", "macros", "models", "docs")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".sql", ".yml", ".md", ".xml", ".lock"}
    }
    assert len(text) > 50
    assert [str(path) for path, body in text.items() if str(Path.home()) + "/" in body] == []


def test_every_process_connects_alike() -> None:
    """dbt parses all of the project again where the connection is another than the last process
    that parsed it had: what `./finhouse env` does not export must not be part of it."""
    profiles = (ROOT / "profiles.yml").read_text(encoding="utf-8")
    read = set(re.findall(r"env_var\('(\w+)'", profiles))
    assert "FINHOUSE_CLICKHOUSE_HOST" in read
    assert read - Settings(state_dir=ROOT).environment().keys() - {"FINHOUSE_TARGET"} == set()
