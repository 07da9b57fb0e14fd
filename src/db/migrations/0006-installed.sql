-- The normalizers that every supervisor on this database runs, beside those of its settings. `pinned` is what is run:
-- REGISTRY/REPOSITORY@DIGEST, to which `reference` was resolved when it was installed.
create table whiskers.installed (
  normalizer text primary key,
  reference text not null,
  pinned text not null,
  name text not null,
  version text,
  installed_at timestamptz not null default now(),
  -- User and host.
  installed_by text not null,
  -- Why the last supervisor that tried could not use it, which one, when; null: nobody had trouble.
  trouble text,
  trouble_worker text,
  trouble_at timestamptz
);
