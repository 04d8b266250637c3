{{ config(engine='ReplacingMergeTree(_version, _is_deleted)', order_by=['rate_date', 'currency']) }}

{{ row_versions('fx_rates', ref('bronze_fx_rates'), consumer=this) }}
