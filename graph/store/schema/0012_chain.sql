-- The chain over the log: see chain.py. log_id: what this log is known by, NULL before its first link.
-- covered_from: the first number that the chain covers; removals_before: the last removal that it does not.
-- link, chain: the last link, and its value.
ALTER TABLE log_end ADD COLUMN log_id BLOB;
ALTER TABLE log_end ADD COLUMN covered_from INTEGER NOT NULL DEFAULT 1;
ALTER TABLE log_end ADD COLUMN removals_before INTEGER NOT NULL DEFAULT 0;
ALTER TABLE log_end ADD COLUMN link INTEGER NOT NULL DEFAULT 0;
ALTER TABLE log_end ADD COLUMN chain BLOB;
UPDATE log_end SET covered_from = seq + 1,
    removals_before = (SELECT coalesce(max(number), 0) FROM removal);

-- What one transaction added to the log, or took out of it. kind: `LinkKind` in chain.py. first_seq: the number
-- that the first of its records has, or the next one will have.
CREATE TABLE link (
    number INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    records INTEGER NOT NULL,
    made_at INTEGER NOT NULL,
    value BLOB NOT NULL
);

-- What is left of a record that was taken out: what the chain has of it. link: that of the removal.
CREATE TABLE tombstone (
    seq INTEGER PRIMARY KEY,
    link INTEGER NOT NULL,
    item BLOB NOT NULL
);
CREATE INDEX tombstone_link ON tombstone (link);

-- The steps in which something was removed, by link.
CREATE TABLE removal_step (
    link INTEGER PRIMARY KEY,
    removal INTEGER NOT NULL,
    events INTEGER NOT NULL
);

-- Statements that somebody signed, by link: checkpoints and changes of keys. body: JSON, see signing.py.
CREATE TABLE signed (
    link INTEGER PRIMARY KEY,
    body TEXT NOT NULL
);
