{{ config(order_by=['_offset', 'sign']) }}

{{ signed_changes('disputes', ref('bronze_disputes'), consumer=this) }}
