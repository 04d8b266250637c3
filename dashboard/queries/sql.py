"""What the page SQL asks for itself, as the user `analyst`: what it may read, and its limits."""

from __future__ import annotations

from dashboard.queries.call import Call

EXAMPLES = {
    "Volume per day": """\
select
    kpi_date,
    count_attempted,
    count_successful,
    successful_amount_eur,
    success_rate
from gold.agg_kpis_daily
order by kpi_date desc
limit 30""",
    "Why payments fail": """\
select decline_code, sum(count_declined) as declined
from gold.agg_declines_daily
where payment_date >= today() - 7
group by decline_code
order by declined desc""",
    "Newest payments": """\
select occurred_at, status, amount, currency_code, amount_eur, merchant_name
from gold.live_recent_payments
limit 50""",
}


def columns() -> Call:
    """Each column that can be read, with its type and what it means."""
    return Call(
        "columns",
        """\
select
    columns.database,
    columns.table,
    tables.comment as table_comment,
    columns.name,
    columns.type,
    columns.comment
from system.columns as columns
inner join system.tables as tables
    on tables.database = columns.database and tables.name = columns.table
where columns.database in ('gold', 'silver')
order by columns.database, columns.table, columns.position""",
    )


def limits() -> Call:
    """The limits on a query, as the server has them for this user."""
    return Call(
        "limits",
        """\
select name, value
from system.settings
where name in ('max_execution_time', 'max_memory_usage', 'max_result_rows', 'max_rows_to_read')""",
    )


def first_rows(table: str, names: list[str], rows: int) -> str:
    """A statement to begin with: each column by name, so that it shows what there is."""
    listed = ",\n    ".join(_quoted(name) for name in names)
    database, _, name = table.partition(".")
    return f"select\n    {listed}\nfrom {_quoted(database)}.{_quoted(name)}\nlimit {rows}"


def explained(sql: str) -> str:
    """The statement that shows how another would run and which parts of which tables it reads."""
    return f"explain indexes = 1\n{sql}"


def limited(sql: str, rows: int) -> str:
    """The first rows of a statement, whatever it is; the server says if it cannot be nested."""
    return f"select *\nfrom (\n{sql.rstrip().rstrip(';')}\n)\nlimit {rows}"


def _quoted(name: str) -> str:
    return name if name.isidentifier() else "`" + name.replace("`", "``") + "`"
