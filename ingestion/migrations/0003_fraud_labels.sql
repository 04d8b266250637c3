-- The truth about the fraud the generator plants. Only the evaluation of a fraud score may read it,
-- so it is neither captured nor readable for the capture role: the warehouse must find fraud itself.
-- No foreign key: the label of a deleted payment stays.
create table finance_meta.fraud_labels (
    transaction_id uuid primary key,
    pattern text not null check (pattern in ('card_testing', 'account_takeover', 'collusion')),
    attempted_at timestamptz not null
);

alter table finance_meta.fraud_labels owner to finhouse_app;
