select
    source_table,
    refusal,
    -- A log may hold a message twice.
    toInt64(uniqExact(kafka_offset)) as count_messages,
    min(ingested_at) as oldest_ingested_at,
    max(ingested_at) as newest_ingested_at
from {{ ref('bronze_quarantine') }}
group by source_table, refusal
