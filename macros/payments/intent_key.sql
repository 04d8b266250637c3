{#-
    Purpose: what tells the intents of a payer apart: attempts with the same account, merchant, currency and
    amount have the same key. As one number it finds the other attempts of some thousand keys in an
    index of one column.
    Why 128 bits: in ten billion different keys two are alike with a chance of 1 to 10^19.
    Returns: UInt128, from the columns `account_id`, `merchant_id`, `currency` and `amount` of signed
    changes of payments
-#}
{% macro intent_key() -%}
    reinterpretAsUInt128(sipHash128(account_id, merchant_id, currency, amount))
{%- endmacro %}
