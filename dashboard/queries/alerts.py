"""Queries of the page Alerts and of the mark in the sidebar: what `ops` tells of the rules."""

from __future__ import annotations

from dashboard.queries.call import Call

HISTORY_DAYS = 7

ALERTS = """
select
    alert,
    sentence,
    severity,
    state,
    since,
    value_shown,
    fires_when,
    hold_seconds,
    look_at,
    message,
    milliseconds,
    dateDiff('second', checked_at, now('UTC')) as age_seconds,
    dateDiff('second', listed_at, now('UTC')) as listed_seconds
from ops.alert_checks final
where listed_at = (select max(listed_at) from ops.alert_checks)
order by
    transform(state, ['firing', 'pending', 'error', 'no data'], [1, 2, 3, 4], 5),
    transform(severity, ['critical', 'warning', 'info'], [1, 2, 3], 4),
    position
"""

FIRING = """
select count() as count_firing
from ops.alert_checks final
where
    state = 'firing'
    and listed_at = (select max(listed_at) from ops.alert_checks)
"""

ALERT_HISTORY = """
with
sent as (
    select
        change_id,
        arraySort(groupUniqArrayIf(channel, status = 'sent')) as told,
        argMaxIf(deliveries.message, attempted_at, status = 'failed') as problem
    from ops.alert_deliveries as deliveries
    where attempted_at > now('UTC') - toIntervalDay({days:UInt32})
    group by change_id
)

select
    changes.changed_at as changed_at,
    changes.alert as alert,
    changes.state as state,
    changes.severity as severity,
    changes.message as message,
    changes.channels as channels,
    arrayFilter(channel -> has(ifNull(sent.told, []), channel), changes.channels) as told,
    ifNull(sent.problem, '') as problem
from ops.alerts as changes
left join sent on changes.change_id = sent.change_id
where changes.changed_at > now('UTC') - toIntervalDay({days:UInt32})
order by changes.changed_at desc, changes.alert asc
limit {limit:UInt32}
"""


def alerts() -> Call:
    """One row per rule of the rule file, what fires first."""
    return Call("alerts", ALERTS.strip())


def firing() -> Call:
    """One row: how many alerts fire."""
    return Call("firing", FIRING.strip())


def history(limit: int) -> Call:
    """The newest changes of state of the last days, and who was told of them."""
    parameters = (("days", HISTORY_DAYS), ("limit", limit))
    return Call("alert_history", ALERT_HISTORY.strip(), parameters)
