-- A long text, kept out of line and uncompressed: with the default replica identity an UPDATE that
-- leaves it alone does not log it, and the warehouse has to keep what it knows.
set local role finhouse_app;

alter table finance.merchants add column profile_text text;
alter table finance.merchants alter column profile_text set storage external;

reset role;
