-- Who made a step of a delivery: host and process id. Null: before this was kept.
alter table whiskers.delivery_step add column worker text;
