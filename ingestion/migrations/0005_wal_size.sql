-- The capture role may ask how much log is on the disk, and nothing else of what pg_monitor may. Where the
-- administrator is no real superuser, as on a hosted server, that size stays unknown.
do $$
begin
    grant execute on function pg_catalog.pg_ls_waldir() to finhouse_cdc;
exception
    when insufficient_privilege then null;
end
$$;
