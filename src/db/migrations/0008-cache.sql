-- Outputs that are kept for later runs with the same code and input, beside the run that gave them. Its output then stays
-- where it is, also when it is delivered.
create table whiskers.cache (
  -- SHA-256 over all that an output follows from.
  key text primary key,
  run_id uuid not null references whiskers.run (id) on delete cascade,
  output_bytes bigint not null,
  made_at timestamptz not null default now(),
  used_at timestamptz not null default now(),
  -- How often it was used.
  hits bigint not null default 0
);

create index cache_of_run on whiskers.cache (run_id);
create index cache_by_use on whiskers.cache (used_at);
