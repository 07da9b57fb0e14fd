-- How long the phases of a task took that come after its run, milliseconds; null: before this was kept. The others are
-- in the run's document.
-- From the outcome until the statement that stores it.
alter table whiskers.run add column store_ms double precision;
-- Until a process took the delivery up, the last time; the work on it then; until the statement that says that it is over.
alter table whiskers.delivery add column take_up_ms double precision;
alter table whiskers.delivery add column deliver_ms double precision;
alter table whiskers.delivery add column settle_ms double precision;
