{{ config(engine='ReplacingMergeTree(_version, _is_deleted)', order_by='merchant_id') }}

{{ row_versions('merchants', ref('bronze_merchants'), consumer=this) }}
