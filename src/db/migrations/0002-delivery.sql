-- A run that is stored is not the end of a task: its results have to arrive first.
alter table whiskers.task drop constraint task_state_check;
alter table whiskers.task add constraint task_state_check
  check (state in ('queued', 'started', 'delivering', 'succeeded', 'failed'));
-- OpenKAT's service that it came from; null: none.
alter table whiskers.task add column origin text check (origin in ('mula', 'bytes'));
create index task_settled on whiskers.task (settled_at) where settled_at is not null;

create index run_failed on whiskers.run (finished_at) where status = 'failed';

-- What has to arrive, and did: one row for every task whose run is stored.
create table whiskers.delivery (
  task_id uuid primary key references whiskers.task (id) on delete cascade,
  run_id uuid not null references whiskers.run (id) on delete cascade,
  -- How often it was taken up. Whoever writes says which time was theirs: what an earlier one says is void.
  attempt integer not null default 0,
  state text not null default 'pending' check (state in ('pending', 'delivered', 'failed')),
  -- Why it failed: row of the table of errors, and what the service said.
  code text check ((state = 'failed') = (code is not null)),
  message text,
  queued_at timestamptz not null default now(),
  settled_at timestamptz
);

create table whiskers.delivery_step (
  task_id uuid not null references whiskers.delivery (task_id) on delete cascade,
  step text not null,
  done_at timestamptz not null default now(),
  primary key (task_id, step)
);
