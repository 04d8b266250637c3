{#-
    Guards: every message fits the contract of the source. A failure names those that do not; their
    changes are in no figure until the cause is mended.
-#}
select
    source_table,
    kafka_offset,
    reason
from {{ ref('bronze_quarantine') }}
