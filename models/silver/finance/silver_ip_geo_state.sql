{{ config(engine='ReplacingMergeTree(_version, _is_deleted)', order_by='ip') }}

{{ row_versions('ip_geo', ref('bronze_ip_geo'), consumer=this) }}
