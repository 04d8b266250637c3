{{ config(engine='ReplacingMergeTree(_version, _is_deleted)', order_by='refund_id') }}

{{ row_versions('refunds', ref('bronze_refunds'), consumer=this) }}
