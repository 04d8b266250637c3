{#-
    Purpose: the row images of a batch, in which a toastable text that Debezium could not see is the
    last known one: that of the newest earlier event of the row in the batch, else that of its newest
    version in the state table. Each version that is written is whole, so the newest is enough,
    whatever ReplacingMergeTree has merged away; and a batch that is written again after a crash
    starts from the same table, so it comes out the same.
    An UPDATE of the primary key is a delete and an insert with one LSN, and the insert comes without
    the texts. It is a batch of its own, so that its old row, which as a deleted one keeps its texts
    too, is in the state table.
    A text known nowhere (the log lacks the row's beginning) stays unavailable_value().
    Args: table: name in source_fields(), with `toastable`; log: bronze relation; consumer: the state
    table, `this` in a model
    Returns: CTEs that follow one named `events`; the last is `images`
-#}
{% macro kept_texts(table, log, consumer) -%}
{%- set contract = source_fields(table) -%}
{%- set is_unsent = "position(after, '\"" ~ unavailable_value() ~ "\"') > 0" -%}
first_event as (

    select
        min(_offset) as first_offset,
        argMin(_lsn, _offset) as first_lsn,
        argMin(_op = 'c' and {{ is_unsent }}, _offset) as is_renamed
    from events

),

batch as (

    select *
    from events
    where _offset < (
        select ifNull(
            minOrNull(_offset + (_offset = (select first_offset from first_event))),
            toUInt64(18446744073709551615)
        )
        from events
        where _op = 'c' and {{ is_unsent }}
    )

),

extracted as (

    select
        *,
        {{ row_image("if(_op = 'd', before, after)", contract.fields) }} as sent_image
    from batch

),

old_row as (

    select argMax({{ row_image('before', contract.key) }}, _offset) as old_key
    from {{ log }}
    where
        _op = 'd'
        and _error = ''
        and _lsn = (select first_lsn from first_event)
        and _offset < (select first_offset from first_event)
        and _offset + 1000 > (select first_offset from first_event)

),

keyed as (

    select
        *,
        {%- for field in contract.toastable %}
        _op != 'd' and ifNull(tupleElement(sent_image, '{{ field }}'), '') != '{{ unavailable_value() }}' as is_sent_{{ field }},
        {%- endfor %}
        {%- for field in contract.key %}
        {%- set key_text -%}
        if(
            (select is_renamed from first_event),
            (select tupleElement(old_key, '{{ field }}') from old_row),
            tupleElement(sent_image, '{{ field }}')
        )
        {%- endset %}
        cast(assumeNotNull({{ parsed(key_text, contract.fields[field]) }}) as {{ contract.fields[field] }}) as key_{{ field }}{{ ',' if not loop.last }}
        {%- endfor %}
    from extracted

),

stored as (

    select
        {%- for field in contract.key %}
        {{ field }} as stored_{{ field }},
        {%- endfor %}
        {%- for field in contract.toastable %}
        argMax(tuple({{ field }}), _version) as stored_{{ field }},
        {%- endfor %}
        1 as is_stored
    from {{ consumer }}
    where ({{ contract.key | join(', ') }}) in (
        select {% for field in contract.key %}key_{{ field }}{{ ', ' if not loop.last }}{% endfor %}
        from keyed
        where not ({% for field in contract.toastable %}is_sent_{{ field }}{{ ' and ' if not loop.last }}{% endfor %})
    )
    group by {{ contract.key | join(', ') }}

),

earlier as (

    select
        *
        {%- for field in contract.toastable %},
        countIf(is_sent_{{ field }}) over row_so_far as count_sent_{{ field }},
        argMaxIf(tuple(tupleElement(sent_image, '{{ field }}')), _offset, is_sent_{{ field }})
            over row_so_far as newest_{{ field }}
        {%- endfor %}
    from keyed
    window row_so_far as (
        partition by {% for field in contract.key %}key_{{ field }}{{ ', ' if not loop.last }}{% endfor %}
        order by _offset
        rows between unbounded preceding and current row
    )

),

images as (

    select
        earlier._op as _op,
        earlier._lsn as _lsn,
        earlier._offset as _offset,
        earlier._committed_at as _committed_at,
        cast(
            tuple(
                {%- for field in contract.fields %}
                {%- if field in contract.toastable %}
                multiIf(
                    earlier.count_sent_{{ field }} > 0, tupleElement(earlier.newest_{{ field }}, 1),
                    stored.is_stored = 1, tupleElement(stored.stored_{{ field }}, 1),
                    tupleElement(earlier.sent_image, '{{ field }}')
                ){{ ',' if not loop.last }}
                {%- else %}
                tupleElement(earlier.sent_image, '{{ field }}'){{ ',' if not loop.last }}
                {%- endif %}
                {%- endfor %}
            ) as Tuple({% for field in contract.fields %}{{ field }} Nullable(String){{ ', ' if not loop.last }}{% endfor %})
        ) as image
    from earlier
    left join stored
        on
            {%- for field in contract.key %}
            {{ 'and ' if not loop.first }}earlier.key_{{ field }} = stored.stored_{{ field }}
            {%- endfor %}

)
{%- endmacro %}
