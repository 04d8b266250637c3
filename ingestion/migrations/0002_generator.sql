-- How the traffic generator is steered and what it reports. Not captured: the warehouse must not
-- see it. The schema finance_meta itself is made by the migration runner.
grant usage on schema finance_meta to finhouse_app;

-- What was asked for. An empty setting means the generator's own default; `request` counts the
-- changes, so that the asker can wait until its own request has been acknowledged.
create table finance_meta.generator_control (
    id smallint primary key check (id = 1),
    request bigint not null,
    is_paused boolean not null,
    rate integer check (rate > 0),
    interval_seconds double precision check (interval_seconds > 0),
    batch integer check (batch > 0),
    updates double precision check (updates between 0 and 1),
    deletes double precision check (deletes between 0 and 1),
    seed bigint check (seed >= 0)
);

-- What the generator does. stored_transactions moves in the same database transaction as the rows
-- it counts, so it is exact and costs no count(*).
create table finance_meta.generator_status (
    id smallint primary key check (id = 1),
    acknowledged_request bigint not null,
    state text not null check (state in ('stopped', 'running', 'paused', 'capped')),
    message text not null,
    started_at timestamptz,
    reported_at timestamptz,
    last_commit_at timestamptz,
    stored_transactions bigint not null,
    new_transactions bigint not null,
    target_rate double precision not null,
    actual_rate double precision not null
) with (fillfactor = 10);

-- One row once the history is in: a second load has nothing to do, and the stream rebuilds the same
-- accounts, merchants and addresses from seed and sizes.
create table finance_meta.generator_history (
    id smallint primary key check (id = 1),
    seed bigint not null,
    accounts integer not null,
    merchants integer not null,
    ips integer not null,
    loaded_until timestamptz not null
);

insert into finance_meta.generator_control (id, request, is_paused) values (1, 0, false);
insert into finance_meta.generator_status values (1, 0, 'stopped', '', null, null, null, 0, 0, 0, 0);

alter table finance_meta.generator_control owner to finhouse_app;
alter table finance_meta.generator_status owner to finhouse_app;
alter table finance_meta.generator_history owner to finhouse_app;
