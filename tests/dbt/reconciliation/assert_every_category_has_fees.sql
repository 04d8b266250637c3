{#-
    Guards: every line of business has a fee schedule. A failure names those without; their fees and
    revenue show as missing, never as a part of the truth, until seeds/fee_schedule.csv has them.
-#}
select
    merchants.merchant_category as merchant_category,
    count() as count_merchants
from {{ ref('dim_merchants') }} as merchants
left join {{ ref('fee_schedule') }} as fees on merchants.merchant_category = fees.merchant_category
where fees.merchant_category is null
group by merchant_category
