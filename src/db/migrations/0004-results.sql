-- The PostgreSQL sink: what runs gave, for whoever reads it by SQL. Not forgotten with tasks and their runs.
create table whiskers.result (
  task_id uuid primary key,
  normalizer text not null,
  version text,
  package_digest text,
  organisation text,
  raw_id text,
  -- The object that was scanned, and when.
  source text,
  valid_time timestamptz,
  delivered_at timestamptz not null default now()
);
create index result_by_source on whiskers.result (organisation, source, normalizer);

create table whiskers.record (
  task_id uuid not null references whiskers.result (task_id) on delete cascade,
  position integer not null,
  kind text not null check (kind in ('object', 'declaration', 'affirmation', 'scan_profile', 'raw')),
  object_type text,
  primary_key text,
  -- As protocol/schemas/openkat/1/record.json has it.
  document json not null,
  primary key (task_id, position)
);
create index record_by_key on whiskers.record (primary_key);
create index record_by_type on whiskers.record (object_type);
