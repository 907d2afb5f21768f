-- Commands: what people say about datasets, fields and jobs. seq: a number of the log, of which no event has it.
-- body: as commands.py writes it.
CREATE TABLE command (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    received_at INTEGER NOT NULL,
    body BLOB NOT NULL
);

-- What commands say: the latest of those about one thing, of two at the same time that with the greater id.
-- kind: tag, owner (by name), description or deletion (name: empty). gone: it was taken back.
CREATE TABLE annotation (
    entity INTEGER NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    gone INTEGER NOT NULL,
    time INTEGER NOT NULL,
    command TEXT NOT NULL,
    PRIMARY KEY (entity, kind, name)
) WITHOUT ROWID;

-- Datasets and jobs that are deleted and that no event has named since. No edge has to do with them.
CREATE TABLE hidden (
    entity INTEGER PRIMARY KEY
);

-- What was removed from the log: when, the last number of the log then, and what was asked for.
-- horizon: the age that was asked for, if any: the graph of earlier times is not known any more. body: JSON.
CREATE TABLE removal (
    number INTEGER PRIMARY KEY,
    removed_at INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    events INTEGER NOT NULL,
    horizon INTEGER,
    body TEXT NOT NULL
);

-- Used while the log is taken in again, and empty at all other times: the contents and runs that events refer to.
CREATE TABLE used_content (
    key INTEGER PRIMARY KEY
);
CREATE TABLE used_run (
    number INTEGER PRIMARY KEY
);

-- Used while something is removed, and empty at all other times: the events that go, and the runs.
CREATE TABLE going (
    seq INTEGER PRIMARY KEY
);
CREATE TABLE going_run (
    run INTEGER PRIMARY KEY
);
