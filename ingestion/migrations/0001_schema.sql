-- The payments application's tables. No foreign keys on purpose: a payment may arrive before its
-- merchant or account, and the warehouse has to get that right.
create schema finance authorization finhouse_app;

set local role finhouse_app;

create table finance.accounts (
    account_id uuid primary key,
    user_name text not null,
    email text not null,
    country text not null check (length(country) = 2),
    signup_at timestamptz not null,
    updated_at timestamptz not null default now()
);

create table finance.merchants (
    merchant_id uuid primary key,
    merchant_name text not null,
    merchant_category text not null,
    country text not null check (length(country) = 2),
    risk_rating smallint not null check (risk_rating between 1 and 5),
    updated_at timestamptz not null default now()
);

create table finance.ip_geo (
    ip inet primary key,
    country text not null check (length(country) = 2),
    city text not null,
    is_proxy_or_vpn boolean not null,
    updated_at timestamptz not null default now()
);

create table finance.fx_rates (
    rate_date date not null,
    currency text not null check (length(currency) = 3),
    rate_to_eur numeric(18, 6) not null check (rate_to_eur > 0),
    updated_at timestamptz not null default now(),
    primary key (rate_date, currency)
);

-- Free space in each page keeps the status updates on their page (HOT: no new index entry).
create table finance.transactions (
    transaction_id uuid primary key,
    account_id uuid not null,
    merchant_id uuid not null,
    occurred_at timestamptz not null,
    amount numeric(18, 2) not null,
    currency text not null check (length(currency) = 3),
    status text not null check (status in ('success', 'failed', 'pending')),
    decline_code text,
    ip inet,
    device_id text,
    updated_at timestamptz not null default now()
) with (fillfactor = 85);

create table finance.refunds (
    refund_id uuid primary key,
    transaction_id uuid not null,
    amount numeric(18, 2) not null,
    currency text not null check (length(currency) = 3),
    status text not null check (status in ('pending', 'succeeded', 'failed')),
    reason text not null,
    created_at timestamptz not null,
    updated_at timestamptz not null default now()
) with (fillfactor = 70);

create table finance.disputes (
    dispute_id uuid primary key,
    transaction_id uuid not null,
    amount numeric(18, 2) not null,
    currency text not null check (length(currency) = 3),
    status text not null check (status in ('opened', 'under_review', 'won', 'lost')),
    reason text not null,
    opened_at timestamptz not null,
    closed_at timestamptz,
    updated_at timestamptz not null default now()
) with (fillfactor = 70);

-- One row: Debezium touches beat_at each second, reconcile writes marker.
create table finance.heartbeat (
    id smallint primary key check (id = 1),
    beat_at timestamptz not null,
    marker text
) with (fillfactor = 10);

insert into finance.heartbeat (id, beat_at) values (1, now());

-- The whole old row in the log: the warehouse subtracts it when a fact changes.
alter table finance.transactions replica identity full;
alter table finance.refunds replica identity full;
alter table finance.disputes replica identity full;

-- Capture reads, and writes nothing but the heartbeat's time.
grant usage on schema finance to finhouse_cdc;
grant select on all tables in schema finance to finhouse_cdc;
grant update (beat_at) on finance.heartbeat to finhouse_cdc;

reset role;

create publication finhouse for table
    finance.accounts,
    finance.merchants,
    finance.ip_geo,
    finance.fx_rates,
    finance.transactions,
    finance.refunds,
    finance.disputes,
    finance.heartbeat
with (publish = 'insert, update, delete, truncate');
