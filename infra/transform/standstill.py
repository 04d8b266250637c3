"""What has stopped although its process runs: for how long each part said nothing, what fails.

Questions to the warehouse, so that whoever asks (the command line, a container's health check)
needs neither Kafka nor dbt.
"""

from __future__ import annotations

# Seconds a part may say nothing. Debezium writes a heartbeat each second, the loop a row per cycle;
# a turn of the background may end with a model that has much to catch up with.
PATIENCE = {"connect": 60, "transform": 60, "background": 300}

_LAST_RUN = """
    select dateDiff('second', max(finished_at), now('UTC')) as age
    from ops.transform_runs
    where tier {which} ('background', 'snapshot') and started_at > now('UTC') - interval 1 hour
"""

# Component -> query of one row: the seconds since it last did its work.
AGES = {
    "connect": "select dateDiff('second', _ingested_at, now64(3, 'UTC')) as age"
    " from bronze.heartbeat order by _offset desc limit 1",
    "transform": _LAST_RUN.format(which="not in"),
    "background": _LAST_RUN.format(which="in"),
}

# Models whose newest run of the last hour failed, who ran them, and the first line of the error.
FAILING = """
    select
        model,
        if(argMax(tier, finished_at) in ('background', 'snapshot'), 'background', 'transform')
            as component,
        argMax(status, finished_at) as last_status,
        splitByChar('\\n', argMax(message, finished_at))[1] as last_message
    from ops.transform_runs
    where started_at > now('UTC') - interval 1 hour
    group by model
    having last_status = 'error'
    order by model
"""
