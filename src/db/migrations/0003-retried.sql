-- When a person last had a settled task done again; null: never. What its earlier end told the scheduler is then
-- ours to overwrite.
alter table whiskers.task add column retried_at timestamptz;
