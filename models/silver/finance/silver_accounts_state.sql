{{ config(engine='ReplacingMergeTree(_version, _is_deleted)', order_by='account_id') }}

{{ row_versions('accounts', ref('bronze_accounts'), consumer=this) }}
