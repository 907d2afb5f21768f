-- What events say was dropped. run: 0 for an event without one.
CREATE TABLE drop_said (
    dataset INTEGER NOT NULL,
    event_time INTEGER NOT NULL,
    run INTEGER NOT NULL,
    PRIMARY KEY (dataset, event_time, run)
) WITHOUT ROWID;
CREATE INDEX drop_said_run ON drop_said (run);

-- The datasets that are dropped, under the names that stand for them, and since when.
CREATE TABLE dropped (
    dataset INTEGER PRIMARY KEY,
    event_time INTEGER NOT NULL
);

-- The jobs that were ever named as the root of what is under a job, and when first: the latest of these
-- counts, then the greater key. It stands above a job above which nobody names another one.
CREATE TABLE job_root (
    job INTEGER NOT NULL,
    root INTEGER NOT NULL,
    first_time INTEGER NOT NULL,
    PRIMARY KEY (job, root)
) WITHOUT ROWID;
CREATE INDEX job_root_of ON job_root (root);
