-- What is asked for: one row a task, kept after the job queue has forgotten it, so that a task that
-- comes a second time is known.
create table whiskers.task (
  id uuid primary key,
  -- Reference of the package; tasks of one package go to one warm sandbox.
  package text not null,
  -- `json`, not `jsonb`, here and below: it keeps the text as it is, also what jsonb refuses (\u0000).
  document json not null,
  state text not null default 'queued' check (state in ('queued', 'started', 'succeeded', 'failed')),
  -- How often a worker has begun to run it.
  starts integer not null default 0,
  queued_at timestamptz not null default now(),
  settled_at timestamptz
);

create index task_unsettled on whiskers.task (queued_at) where settled_at is null;

-- What was done: one row for every run that came to an outcome.
create table whiskers.run (
  id uuid primary key,
  task_id uuid not null references whiskers.task (id) on delete cascade,
  normalizer text not null,
  status text not null check (status in ('succeeded', 'failed')),
  -- Row of the table of errors; null when it succeeded.
  code text check ((status = 'failed') = (code is not null)),
  -- Everything that is known of the run but its output: outcome, logs, rejections, provenance.
  document json not null,
  finished_at timestamptz not null default now()
);

create index run_of_task on whiskers.run (task_id);
create index run_by_time on whiskers.run (finished_at);

-- What came out, until it is delivered: the largest column, in a table of its own.
create table whiskers.output (
  run_id uuid primary key references whiskers.run (id) on delete cascade,
  document json not null
);
