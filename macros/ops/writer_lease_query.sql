{#-
    Purpose: the lease in force: its number (0: there never was one) and its owner ('' if nobody).
    Returns: select of one row: lease_number UInt64, owner String
-#}
{% macro writer_lease_query() -%}
    select lease_number, if(expires_at > now64(3, 'UTC'), owner, '') as owner
    from (
        select lease_number, owner, expires_at from ops.writer_lease
        union all
        select toUInt64(0), '', toDateTime64(0, 3, 'UTC')
    )
    order by lease_number desc
    limit 1
{%- endmacro %}
