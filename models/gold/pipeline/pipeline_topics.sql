with received as (

    {% for table in source_tables() %}
        {%- set log = ref('bronze_' ~ table) %}
        select
            '{{ table }}' as source_table,
            assumeNotNull((select count() from {{ log }})) as count_received,
            (
                select _published_at
                from {{ log }}
                order by _offset desc
                limit 1
            ) as newest_published_at
        {{ 'union all' if not loop.last }}
    {% endfor %}

),

newest_look as (

    select max(checked_at) as checked_at
    from {{ source('ops', 'topic_checks') }}

),

newest as (

    select
        looks.checked_at as checked_at,
        looks.source_table as source_table,
        looks.end_offset as end_offset,
        looks.next_offset as next_offset
    from {{ source('ops', 'topic_checks') }} as looks
    inner join newest_look on looks.checked_at = newest_look.checked_at

)

select
    received.source_table as source_table,
    concat('finhouse.finance.', received.source_table) as topic,
    received.count_received as count_received,
    newest.end_offset as end_offset,
    newest.next_offset as next_offset,
    -- The last offset of a transaction is its marker, and no message.
    if(
        isNull(newest.end_offset),
        null,
        greatest(toInt64(newest.end_offset) - toInt64(newest.next_offset) - 1, 0)
    ) as consumer_lag,
    received.newest_published_at as newest_published_at,
    dateDiff('millisecond', received.newest_published_at, {{ now_utc() }}) / 1000
        as newest_age_seconds,
    newest.checked_at as checked_at,
    dateDiff('millisecond', newest.checked_at, {{ now_utc() }}) / 1000 as age_seconds
from received
left join newest on received.source_table = newest.source_table
