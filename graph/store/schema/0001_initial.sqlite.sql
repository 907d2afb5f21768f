-- Times are nanoseconds since the epoch, UTC. Keys are 63-bit hashes of identities or of content.

-- The log: every accepted event, as received (body: zlib).
CREATE TABLE event (
    seq INTEGER PRIMARY KEY,
    event_id BLOB NOT NULL UNIQUE,
    event_time INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    shape INTEGER NOT NULL,
    run INTEGER,
    body BLOB NOT NULL
);

CREATE TABLE dead_letter (
    digest BLOB PRIMARY KEY,
    received_at INTEGER NOT NULL,
    reasons TEXT NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX dead_letter_received ON dead_letter (received_at DESC, digest);

-- Everything from here on is a projection of the log.
-- type: 1 dataset, 2 field, 3 job. A field has its dataset and no names of its own.
-- reversed: the name backwards, so that an index finds names by their end.
-- named: who names it. Bits: 1 an event, 2 a schema facet (of a field), 4 a facet about lineage (of a field);
-- 0: SQL alone.
CREATE TABLE node (
    key INTEGER PRIMARY KEY,
    type INTEGER NOT NULL,
    namespace TEXT,
    name TEXT,
    reversed TEXT,
    dataset INTEGER,
    field TEXT,
    named INTEGER NOT NULL
);
CREATE INDEX node_type ON node (type) WHERE type <> 2;
CREATE INDEX node_reversed ON node (reversed) WHERE reversed IS NOT NULL;
CREATE INDEX node_dataset ON node (dataset) WHERE dataset IS NOT NULL;

-- Further names of datasets: as producers sent them (symlink 0), or from a symlinks facet (symlink 1).
CREATE TABLE alias (
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    symlink INTEGER NOT NULL,
    target INTEGER NOT NULL,
    reversed TEXT NOT NULL,
    PRIMARY KEY (namespace, name, symlink, target)
) WITHOUT ROWID;
CREATE INDEX alias_reversed ON alias (reversed);
CREATE INDEX alias_symlink ON alias (target) WHERE symlink = 1;

CREATE TABLE transformation (
    key INTEGER PRIMARY KEY,
    type TEXT NOT NULL,
    subtype TEXT NOT NULL,
    description TEXT NOT NULL,
    masking INTEGER NOT NULL
);

-- What an event says about lineage, once for all events that say it.
-- covered: JSON list of the datasets that its lineage facet settles, NULL when it has none.
-- certain: whether all its SQL was read without doubt, NULL when it has none or it waits to be read.
CREATE TABLE shape (
    key INTEGER PRIMARY KEY,
    owner INTEGER NOT NULL,
    covered TEXT,
    sql BLOB,
    waiting INTEGER NOT NULL,
    certain INTEGER
);
CREATE INDEX shape_waiting ON shape (key) WHERE waiting = 1;

CREATE TABLE shape_edge (
    shape INTEGER NOT NULL,
    origin INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    source INTEGER NOT NULL,
    target INTEGER NOT NULL,
    dataset INTEGER NOT NULL,
    transformation INTEGER NOT NULL,
    PRIMARY KEY (shape, origin, kind, source, target, transformation)
) WITHOUT ROWID;
CREATE INDEX shape_edge_writes ON shape_edge (target, source) WHERE kind = 4;

-- What was read from the SQL of a shape, statement by statement; what it claims is in shape_edge.
-- place: which of the shape's texts the statement is in. engine, version, release: what has read it.
-- writes: JSON list of the datasets that the statement writes.
CREATE TABLE derivation (
    shape INTEGER NOT NULL,
    statement INTEGER NOT NULL,
    place INTEGER NOT NULL,
    engine TEXT NOT NULL,
    version TEXT NOT NULL,
    release TEXT NOT NULL,
    certain INTEGER NOT NULL,
    problems TEXT NOT NULL,
    writes TEXT NOT NULL,
    derived_at INTEGER NOT NULL,
    PRIMARY KEY (shape, statement)
) WITHOUT ROWID;
CREATE INDEX derivation_by ON derivation (engine, version, release);

-- The nodes that the SQL of a shape names.
CREATE TABLE derived_node (
    shape INTEGER NOT NULL,
    node INTEGER NOT NULL,
    PRIMARY KEY (shape, node)
) WITHOUT ROWID;
CREATE INDEX derived_node_node ON derived_node (node);

-- What a statement does with datasets and fields (uses: `Use` in queries.py), also one that writes nothing.
CREATE TABLE statement_use (
    shape INTEGER NOT NULL,
    place INTEGER NOT NULL,
    entity INTEGER NOT NULL,
    use INTEGER NOT NULL,
    PRIMARY KEY (shape, place, entity, use)
) WITHOUT ROWID;
CREATE INDEX statement_use_entity ON statement_use (entity, use, shape, place);

-- The columns that the SQL of a shape was read with, of datasets whose columns its event does not give.
-- columns: a hash of their names, 0 where they were not known.
CREATE TABLE schema_use (
    dataset INTEGER NOT NULL,
    shape INTEGER NOT NULL,
    columns INTEGER NOT NULL,
    PRIMARY KEY (dataset, shape)
) WITHOUT ROWID;
CREATE INDEX schema_use_shape ON schema_use (shape);

CREATE TABLE run (
    key INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL,
    job INTEGER NOT NULL,
    job_time INTEGER NOT NULL,
    first_time INTEGER NOT NULL,
    state TEXT NOT NULL,
    started_at INTEGER,
    ended_at INTEGER,
    parent_run_id TEXT,
    parent_time INTEGER,
    error TEXT,
    error_time INTEGER,
    window INTEGER NOT NULL
);
CREATE INDEX run_job ON run (job, first_time);
CREATE INDEX run_first_time ON run (first_time);

-- The sets of shapes that runs gave; most runs of a job give the same set.
CREATE TABLE shape_set (
    shapes INTEGER NOT NULL,
    shape INTEGER NOT NULL,
    PRIMARY KEY (shapes, shape)
) WITHOUT ROWID;

-- What a run said about a job; run_group, first_time, finished and claims_outputs repeat the run's.
-- finished: 1 an ended run, 2 an ended window of a service's operation, which counts by day instead.
CREATE TABLE job_run (
    run INTEGER NOT NULL,
    job INTEGER NOT NULL,
    run_group INTEGER NOT NULL,
    first_time INTEGER NOT NULL,
    finished INTEGER NOT NULL,
    claims_outputs INTEGER NOT NULL,
    shapes INTEGER NOT NULL,
    PRIMARY KEY (run, job)
) WITHOUT ROWID;
CREATE INDEX job_run_latest ON job_run (job, finished, first_time, run_group, claims_outputs, shapes);
CREATE INDEX job_run_group ON job_run (job, run_group, finished, claims_outputs, shapes);

-- What the windows of a service's operation (a job) said on the latest days that it has any, by days since
-- the epoch.
CREATE TABLE said_on_day (
    job INTEGER NOT NULL,
    day INTEGER NOT NULL,
    shape INTEGER NOT NULL,
    PRIMARY KEY (job, day, shape)
) WITHOUT ROWID;

-- The latest declaration of a job (owner: its key) or dataset (owner: minus its key).
CREATE TABLE declaration (
    owner INTEGER PRIMARY KEY,
    event_time INTEGER NOT NULL,
    shape INTEGER NOT NULL
);

-- The current graph. owner: the job, or minus the dataset whose DatasetEvent declared the edge.
-- origin: of edges between fields, where it comes from; else 0. kind 5: what a better origin overrules.
-- Kinds 6 and 7: the fields that a job reads without writing, and that this is all it reads of a dataset.
CREATE TABLE edge (
    kind INTEGER NOT NULL,
    source INTEGER NOT NULL,
    target INTEGER NOT NULL,
    owner INTEGER NOT NULL,
    transformation INTEGER NOT NULL,
    origin INTEGER NOT NULL,
    PRIMARY KEY (kind, source, target, owner, transformation, origin)
) WITHOUT ROWID;
CREATE INDEX edge_backwards ON edge (kind, target, source, owner, transformation, origin);
CREATE INDEX edge_owner ON edge (owner);

-- Of what the edges of an owner were last made; the same again means that nothing is to be done.
CREATE TABLE projected (
    owner INTEGER PRIMARY KEY,
    digest BLOB NOT NULL
);

-- The latest facet by event time, of two at the same time the one with the greater digest.
CREATE TABLE facet (
    entity INTEGER NOT NULL,
    name TEXT NOT NULL,
    event_time INTEGER NOT NULL,
    digest INTEGER NOT NULL,
    body BLOB,
    PRIMARY KEY (entity, name)
);

CREATE TABLE job_parent (
    job INTEGER PRIMARY KEY,
    event_time INTEGER NOT NULL,
    parent INTEGER NOT NULL
);

-- What was observed of a run, where there was something to observe (kinds: `Observed` in history.py).
-- entity: the dataset, or the shape whose statements were counted. The latest counts, then the greater body.
CREATE TABLE observation (
    run INTEGER NOT NULL,
    entity INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    event_time INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (run, entity, kind)
) WITHOUT ROWID;
CREATE INDEX observation_tests ON observation (entity, event_time) WHERE kind = 2;

-- What an owner (a job, or minus a dataset) said of a dataset or job, and from when to when (kinds: `Said`).
-- A row for each thing that is different, however many events say it.
CREATE TABLE saying (
    entity INTEGER NOT NULL,
    owner INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    digest INTEGER NOT NULL,
    body BLOB NOT NULL,
    first_time INTEGER NOT NULL,
    last_time INTEGER NOT NULL,
    PRIMARY KEY (entity, owner, kind, digest)
) WITHOUT ROWID;

-- One row: the latest time of any event.
CREATE TABLE latest (
    only INTEGER PRIMARY KEY,
    event_time INTEGER NOT NULL
);

-- A kind of query: what its runs have in common. See `QueryKind` in queries.py.
CREATE TABLE query (
    key INTEGER PRIMARY KEY,
    job INTEGER NOT NULL,
    service TEXT NOT NULL,
    environment TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    text TEXT,
    statement INTEGER NOT NULL,
    operation TEXT,
    db_system TEXT,
    client TEXT,
    db_name TEXT,
    path TEXT,
    line INTEGER,
    function TEXT,
    stack TEXT
);
CREATE INDEX query_fingerprint ON query (fingerprint);
CREATE INDEX query_operation ON query (operation);
CREATE INDEX query_service ON query (service);

-- Where the statement of a kind of query is read: what it uses is in statement_use.
CREATE TABLE query_statement (
    shape INTEGER NOT NULL,
    place INTEGER NOT NULL,
    query INTEGER NOT NULL,
    PRIMARY KEY (shape, place, query)
) WITHOUT ROWID;
CREATE INDEX query_statement_query ON query_statement (query);

-- Of which event the queries of a run are: the latest by event time, then the greater digest.
CREATE TABLE queries_of_run (
    run INTEGER PRIMARY KEY,
    event_time INTEGER NOT NULL,
    digest INTEGER NOT NULL
);

-- The queries of a kind in a run. Durations are microseconds.
CREATE TABLE query_run (
    query INTEGER NOT NULL,
    run INTEGER NOT NULL,
    first_time INTEGER NOT NULL,
    last_time INTEGER NOT NULL,
    count INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    cancelled INTEGER NOT NULL,
    total_us INTEGER NOT NULL,
    max_us INTEGER NOT NULL,
    rows INTEGER,
    bytes_read INTEGER,
    bytes_written INTEGER,
    PRIMARY KEY (query, run)
) WITHOUT ROWID;
CREATE INDEX query_run_run ON query_run (run);
CREATE INDEX query_run_latest ON query_run (query, last_time);
CREATE INDEX query_run_time ON query_run (last_time);

-- Samples of the queries of a kind in a run, as JSON: apart from what is summed over many runs.
CREATE TABLE query_sample (
    query INTEGER NOT NULL,
    run INTEGER NOT NULL,
    samples BLOB NOT NULL,
    PRIMARY KEY (query, run)
);

-- For whom queries ran: a sample of actors (kind 0) and agents (kind 1).
CREATE TABLE query_caller (
    kind INTEGER NOT NULL,
    name TEXT NOT NULL,
    query INTEGER NOT NULL,
    run INTEGER NOT NULL,
    PRIMARY KEY (kind, name, query, run)
) WITHOUT ROWID;
