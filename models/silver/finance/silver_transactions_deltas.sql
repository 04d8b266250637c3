{{ config(order_by=['_offset', 'sign'], tags=['live']) }}

{{ signed_changes('transactions', ref('bronze_transactions'), consumer=this) }}
