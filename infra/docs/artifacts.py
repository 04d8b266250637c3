"""dbt's manifest and catalog as the documentation tools can read them.

Three things are added or rewritten, in copies that only the tools see:

- Tables that no server was asked about get the columns of their contracts: the site can be built
  without a running stack.
- SQL that column lineage cannot follow is replaced by SQL with the same sources: the bounds of a
  batch read the very table it goes to, the ARRAY JOIN of the signed changes hides a column in a
  tuple.
- What the project says in its own way is said in the tools' way: a column that bears the name of a
  dimension's key refers to that dimension, an enforced contract tests each of its columns, as do
  the types that a seed is loaded with; a test of a snapshot tests each column that it names.
"""

from __future__ import annotations

import re
from typing import Any

import sqlglot
from sqlglot import exp

Json = dict[str, Any]

# next_offset(), whatever the table.
_WATERMARK = re.compile(
    r"\(select if\(count\(\) = 0, toUInt64\(0\), max\(_offset\) \+ 1\) from [^()]+\)"
)
# signed_changes(): tupleElement(change, 1) is the sign, (change, 2) the row before or after.
_SIGNED = (
    (re.compile(r"array join \[\(-1, before\), \(1, after\)\] as change\s"), ""),
    (re.compile(r"tupleElement\(change, 1\)"), "_op"),
    (re.compile(r"tupleElement\(change, 2\)"), "concat(before, after)"),
)
_STORED = ("model", "seed", "snapshot")


def complete(catalog: Json, manifest: Json) -> int:
    """Fill a catalog with the contracts of nodes it lacks; returns how many it had lacked."""
    lacking = [
        (found, node)
        for found, nodes in (
            (catalog["nodes"], manifest["nodes"]),
            (catalog["sources"], manifest["sources"]),
        )
        for key, node in nodes.items()
        if key not in found and node["resource_type"] in (*_STORED, "source")
    ]
    for found, node in lacking:
        found[node["unique_id"]] = {
            "unique_id": node["unique_id"],
            "metadata": {
                "type": node.get("config", {}).get("materialized") or "table",
                "schema": node["schema"],
                "name": node.get("alias") or node["identifier"],
                "database": node["database"],
                "comment": node["description"],
                "owner": None,
            },
            "columns": {
                name: {
                    "name": name,
                    "type": column["data_type"] or "",
                    "index": index,
                    "comment": column["description"],
                }
                for index, (name, column) in enumerate(node["columns"].items(), 1)
            },
            "stats": {},
        }
    for key, source in manifest["sources"].items():
        # A Kafka table's own columns are not all: the position of a message is in virtual ones.
        for name, column in source["columns"].items():
            columns = catalog["sources"][key]["columns"]
            columns.setdefault(
                name,
                {"name": name, "type": column["data_type"], "index": len(columns) + 1},
            )
    return len(lacking)


def explain(manifest: Json) -> None:
    """Rewrite a manifest for column lineage, ER picture and health."""
    models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    for model in models:
        if model.get("compiled_code"):
            model["compiled_code"] = followable(model["compiled_code"])
    _relate(manifest, models)
    seeds = [node for node in manifest["nodes"].values() if node["resource_type"] == "seed"]
    snapshots = [node for node in manifest["nodes"].values() if node["resource_type"] == "snapshot"]
    named = _named(manifest)
    for node in (*models, *seeds, *snapshots):
        types = node["config"].get("column_types") or {}
        is_enforced = node.get("contract", {}).get("enforced", False)
        for column in node["columns"].values():
            name = column["name"]
            if is_enforced or name in types or (node["unique_id"], name) in named:
                test = _contract_test(node, column)
                manifest["nodes"][test["unique_id"]] = test


def tested(manifest: Json) -> int:
    """Columns of models that a dbt test of their own names; asked before explain()."""
    return sum(node.startswith("model.") for node, _ in _named(manifest))


def _named(manifest: Json) -> set[tuple[str, str]]:
    """(node, column) of what dbt tests name: their column, their keys, what they compare."""
    found = set()
    for test in manifest["nodes"].values():
        if test["resource_type"] == "test" and test.get("test_metadata"):
            arguments = test["test_metadata"]["kwargs"]
            columns = [test.get("column_name"), arguments.get("key")]
            columns += [*(arguments.get("columns") or ()), *(arguments.get("attributes") or ())]
            found |= {(str(test["attached_node"]), column) for column in columns if column}
    return found


def followable(sql: str) -> str:
    """A query with the same lineage, without what the lineage parser cannot follow."""
    sql = _WATERMARK.sub("0", sql)
    for pattern, replacement in _SIGNED:
        sql = pattern.sub(replacement, sql)
    try:
        tree = sqlglot.parse_one(sql, dialect="clickhouse")
    except sqlglot.errors.SqlglotError:
        return sql
    for where in list(tree.find_all(exp.Where)):
        condition = where.this
        parts = list(condition.flatten()) if isinstance(condition, exp.And) else [condition]
        kept = [part for part in parts if not _bounds_a_batch(part)]
        if kept:
            where.set("this", exp.and_(*kept))
        else:
            where.pop()
    return tree.sql(dialect="clickhouse", pretty=True)


def _bounds_a_batch(condition: exp.Expr) -> bool:
    return isinstance(condition, exp.GTE | exp.LTE) and condition.this.name == "_offset"


def _relate(manifest: Json, models: list[Json]) -> None:
    """Columns that bear the name of a dimension's one-column key refer to it: names are shared."""
    dimensions = {}
    for test in manifest["nodes"].values():
        metadata = test.get("test_metadata")
        if metadata and metadata["name"] == "unique_key":
            columns = metadata["kwargs"]["columns"]
            model = manifest["nodes"][test["attached_node"]]["name"]
            if model.startswith("dim_") and len(columns) == 1:
                dimensions[columns[0]] = model
    for model in models:
        for name, dimension in dimensions.items():
            if (
                model["schema"] == "gold"
                and model["name"] != dimension
                and name in model["columns"]
            ):
                model["columns"][name]["meta"]["docglow"] = {
                    "relationships": [{"to": dimension, "field": name, "kind": "one_to_many"}]
                }


def _contract_test(model: Json, column: Json) -> Json:
    """What guarantees a column, as a node of the kind the tools know tests by."""
    name = f"contract_{model['name']}_{column['name']}"
    return {
        "unique_id": f"test.{model['package_name']}.{name}",
        "name": name,
        "resource_type": "test",
        "package_name": model["package_name"],
        "path": model["path"],
        "original_file_path": model["original_file_path"],
        "schema": model["schema"],
        "database": model["database"],
        "relation_name": None,
        "description": f"The type is {column['data_type']}, enforced by the contract.",
        "config": {"enabled": True, "materialized": "test", "severity": "ERROR"},
        "depends_on": {"nodes": [model["unique_id"]], "macros": []},
        "refs": [{"name": model["name"], "package": None, "version": None}],
        "sources": [],
        "columns": {},
        "tags": [],
        "meta": {},
        "raw_code": "",
        "column_name": column["name"],
        "attached_node": model["unique_id"],
        "test_metadata": {"name": "contract", "kwargs": {"type": column["data_type"]}},
    }
