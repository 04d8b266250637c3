{%- set log = ref('bronze_transactions') -%}
{%- set offsets = ref('silver_transactions_offsets') -%}
{%- set key = source_fields('transactions').key -%}
with keys as (

    select
        {{ row_image('_key', key) }} as image,
        _offset
    from {{ log }}
    where
        _offset >= greatest({{ next_offset(offsets) }}, {{ history_start(log) | indent(8) }})
        and _error = ''
        and _op != 't'

),

not_in_silver as (

    select
        {{ typed_fields('transactions', 'image', key) }},
        _offset
    from keys

)

select
    transaction_id,
    _offset
from {{ offsets }}
where _offset >= {{ history_start(log) | indent(4) }}
union all
-- By both columns, so that a condition on either reaches the log.
select
    transaction_id,
    _offset
from not_in_silver
limit 1 by transaction_id, _offset
