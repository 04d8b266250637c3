{{ config(order_by=['_offset', 'sign']) }}

{{ signed_changes('refunds', ref('bronze_refunds'), consumer=this) }}
