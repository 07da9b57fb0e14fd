-- Without it PostgreSQL looks through all deliveries for every run that is forgotten.
create index delivery_of_run on whiskers.delivery (run_id);
