-- Between which times the events of a span of numbers lie (span: the number divided by 4096), how many they
-- are, and how many of them are of runs: where events by time are looked for, and how they are counted.
CREATE TABLE event_span (
    span INTEGER PRIMARY KEY,
    first_time INTEGER NOT NULL,
    last_time INTEGER NOT NULL,
    events INTEGER NOT NULL,
    of_runs INTEGER NOT NULL
);
INSERT INTO event_span
SELECT seq / 4096, min(event_time), max(event_time), count(*), count(run) FROM event GROUP BY seq / 4096;
