{{ config(engine='ReplacingMergeTree(_version, _is_deleted)', order_by='transaction_id') }}

{{ row_versions('transactions', ref('bronze_transactions'), consumer=this) }}
