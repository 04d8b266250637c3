{{ config(engine='ReplacingMergeTree(_version, _is_deleted)', order_by='dispute_id') }}

{{ row_versions('disputes', ref('bronze_disputes'), consumer=this) }}
