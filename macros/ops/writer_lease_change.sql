{#-
    Purpose: take, renew or release the writer lease, as a compare-and-set: the statement carries the
    lease's number as its deduplication token, so of two writers that saw the same lease exactly one
    changes it.
    Args: number: number of the lease this change replaces; owner: who takes it ('' releases);
    seconds: how long it holds
-#}
{% macro writer_lease_change(number, owner, seconds) -%}
    insert into ops.writer_lease
    select
        {{ number }} + 1 as lease_number,
        '{{ owner }}' as owner,
        now64(3, 'UTC') as changed_at,
        now64(3, 'UTC') + interval {{ seconds }} second as expires_at
    settings
        insert_deduplicate = 1,
        deduplicate_insert = 'enable',
        deduplicate_insert_select = 'enable_when_possible',
        insert_deduplication_token = '{{ number }}'
{%- endmacro %}
