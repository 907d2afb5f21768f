-- Times are nanoseconds since the epoch, UTC. Keys are 63-bit hashes of identities or of content.

-- The log: see log_format.py. Events in the order in which they were committed.
-- One row: where the log ends, the latest time of any event, and how often something was taken out of it.
CREATE TABLE log_end (
    one INTEGER PRIMARY KEY,
    seq INTEGER NOT NULL,
    run INTEGER NOT NULL,
    event_time INTEGER,
    removals INTEGER NOT NULL
);
INSERT INTO log_end VALUES (0, 0, 0, NULL, 0);

CREATE TABLE event (
    seq INTEGER PRIMARY KEY,
    event_time INTEGER NOT NULL,
    form INTEGER NOT NULL,
    run INTEGER,
    rest BLOB NOT NULL
);
CREATE INDEX event_run ON event (run) WHERE run IS NOT NULL;
CREATE INDEX event_form ON event (form) WHERE run IS NULL;

-- When the events from a number on were committed: a row for each batch.
CREATE TABLE receipt (
    seq INTEGER PRIMARY KEY,
    received_at INTEGER NOT NULL
);

-- The events that were ever accepted, by 63 bits of their id.
CREATE TABLE accepted (
    key INTEGER PRIMARY KEY,
    seq INTEGER NOT NULL
);

-- Where the text of each facet is: contents that came with one event are kept together.
CREATE TABLE content (
    key INTEGER PRIMARY KEY,
    pack INTEGER NOT NULL,
    place INTEGER NOT NULL
);
CREATE TABLE content_pack (
    number INTEGER PRIMARY KEY,
    contents INTEGER NOT NULL,
    body BLOB NOT NULL
);

-- What an event says but for what is its own, and when it was said: forms. owner: the job, or minus the dataset
-- of a DatasetEvent. declares: 1 for a JobEvent or DatasetEvent that speaks of lineage.
CREATE TABLE form (
    number INTEGER PRIMARY KEY,
    key INTEGER NOT NULL UNIQUE,
    owner INTEGER NOT NULL,
    shape INTEGER NOT NULL,
    declares INTEGER NOT NULL,
    first_time INTEGER NOT NULL,
    last_time INTEGER NOT NULL
) /* updated in place */;
CREATE INDEX form_owner ON form (owner);

-- Forms themselves, with what filled the holes first. base: another one that this was packed with.
CREATE TABLE form_text (
    number INTEGER PRIMARY KEY,
    base INTEGER,
    body BLOB NOT NULL
);

-- The ids of runs, as log_format.py has them, under small numbers; key: 63 bits of a hash.
CREATE TABLE run_id (
    number INTEGER PRIMARY KEY,
    key INTEGER NOT NULL UNIQUE,
    id BLOB NOT NULL
);

-- Events of an earlier format (body: zlib) that wait to be taken in again.
CREATE TABLE IF NOT EXISTS early_event (
    seq INTEGER PRIMARY KEY,
    body BLOB NOT NULL
);

CREATE TABLE IF NOT EXISTS dead_letter (
    digest BLOB PRIMARY KEY,
    received_at INTEGER NOT NULL,
    reasons TEXT NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS dead_letter_received ON dead_letter (received_at DESC, digest);

-- Everything from here on is a projection of the log.
-- type: 1 dataset, 2 field, 3 job. A field has its dataset and no names of its own.
-- reversed: the name backwards, so that an index finds names by their end.
-- named: who names it. Bits: 1 an event, 2 a schema facet (of a field), 4 a facet about lineage (of a field);
-- 0: SQL alone. number: what edges have it under; none is ever given twice, and a rebuild gives others.
CREATE TABLE node (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    key INTEGER NOT NULL UNIQUE,
    type INTEGER NOT NULL,
    namespace TEXT,
    name TEXT,
    reversed TEXT,
    dataset INTEGER,
    field TEXT,
    named INTEGER NOT NULL
);
CREATE INDEX node_type ON node (type, key) WHERE type <> 2;
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

-- number: as a node's.
CREATE TABLE transformation (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    key INTEGER NOT NULL UNIQUE,
    type TEXT NOT NULL,
    subtype TEXT NOT NULL,
    description TEXT NOT NULL,
    masking INTEGER NOT NULL
);

-- What an event says about lineage, once for all events that say it.
-- covered: JSON list of the datasets that its lineage facet settles, NULL when it has none.
-- certain: whether all its SQL was read without doubt, NULL when it has none or it waits to be read.
-- form: one that had this shape first; `sql` is packed with the contents that it refers to. 0: on its own.
CREATE TABLE shape (
    key INTEGER PRIMARY KEY,
    owner INTEGER NOT NULL,
    covered TEXT,
    sql BLOB,
    form INTEGER NOT NULL,
    waiting INTEGER NOT NULL,
    certain INTEGER
);
CREATE INDEX shape_waiting ON shape (key) WHERE waiting = 1;

-- What a shape claims, as claim_format.py has it: by its events (by_sql 0), and by its SQL (1), whose keys
-- are in part those of the first.
CREATE TABLE claims (
    shape INTEGER NOT NULL,
    by_sql INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (shape, by_sql)
) WITHOUT ROWID;

-- What was read from the SQL of a shape, statement by statement; what it claims is in `claims`.
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

-- The nodes that the SQL of a shape names and, when it was read, no event did.
CREATE TABLE derived_node (
    shape INTEGER NOT NULL,
    node INTEGER NOT NULL,
    PRIMARY KEY (shape, node)
) WITHOUT ROWID;
CREATE INDEX derived_node_node ON derived_node (node);

-- The datasets and jobs that a shape names in facets about lineage or in SQL and does not list, and the fields
-- that its SQL names without an edge. It may hold more than that: it says where an earlier time is looked for.
CREATE TABLE named_entity (
    entity INTEGER NOT NULL,
    shape INTEGER NOT NULL,
    PRIMARY KEY (entity, shape)
) WITHOUT ROWID;

-- What a statement of which queries are counted does with datasets and fields (uses: `Use` in queries.py), also one that writes nothing.
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

-- The datasets and jobs that a form speaks of. role: `Role` in changes.py. said: the content of the facet
-- that history is kept of (the schema of a dataset, the code location of a job) where it counts.
CREATE TABLE form_entity (
    entity INTEGER NOT NULL,
    form INTEGER NOT NULL,
    role INTEGER NOT NULL,
    said INTEGER,
    PRIMARY KEY (entity, form, role)
) WITHOUT ROWID;

-- state: 0 RUNNING, 1 COMPLETE, 2 ABORT, 3 FAIL. parent: the number of the run above it.
-- started_at: NULL where that is first_time; no_start: no event but ends. Times of what only the latest event
-- decides (..._time) are NULL where that is the end or, without one, the first event. wrote: how much it wrote to
-- which dataset, as runs.py has it.
CREATE TABLE run (
    number INTEGER PRIMARY KEY,
    job INTEGER NOT NULL,
    first_time INTEGER NOT NULL,
    state INTEGER NOT NULL,
    started_at INTEGER,
    no_start INTEGER NOT NULL,
    ended_at INTEGER,
    is_window INTEGER NOT NULL,
    parent INTEGER,
    job_time INTEGER,
    parent_time INTEGER,
    error TEXT,
    error_time INTEGER,
    wrote BLOB
);
CREATE INDEX run_first_time ON run (first_time);
CREATE INDEX run_parent ON run (parent, job) WHERE parent IS NOT NULL;

-- The sets of shapes that runs gave; most runs of a job give the same set.
CREATE TABLE shape_set (
    shapes INTEGER NOT NULL,
    shape INTEGER NOT NULL,
    PRIMARY KEY (shapes, shape)
) WITHOUT ROWID;

-- What a run said about a job; first_time, finished and claims_outputs repeat the run's.
-- finished: 1 an ended run, 2 an ended window of a service's operation, which counts by day instead.
CREATE TABLE job_run (
    job INTEGER NOT NULL,
    first_time INTEGER NOT NULL,
    run INTEGER NOT NULL,
    finished INTEGER NOT NULL,
    claims_outputs INTEGER NOT NULL,
    shapes INTEGER NOT NULL,
    PRIMARY KEY (job, first_time, run)
) WITHOUT ROWID;
CREATE INDEX job_run_open ON job_run (job) WHERE finished = 0;

-- What the windows of a service's operation (a job) said on the latest days that it has any, by days since
-- the epoch.
CREATE TABLE said_on_day (
    job INTEGER NOT NULL,
    day INTEGER NOT NULL,
    shape INTEGER NOT NULL,
    PRIMARY KEY (job, day, shape)
) WITHOUT ROWID;

-- The current graph, by the numbers of nodes and of transformations (0: none). owner: the job, or minus the
-- dataset whose DatasetEvent declared the edge. origin: of edges between fields, where it comes from; else 0.
-- kind 5: what a better origin overrules. Kinds 6 and 7: the fields that a job reads without writing, and that
-- this is all it reads of a dataset.
CREATE TABLE edge (
    source INT NOT NULL,
    kind SMALLINT NOT NULL,
    target INT NOT NULL,
    owner INT NOT NULL,
    transformation INT NOT NULL,
    origin SMALLINT NOT NULL,
    PRIMARY KEY (source, kind, target, owner, transformation, origin)
) WITHOUT ROWID;
CREATE INDEX edge_backwards ON edge (target, kind);
CREATE INDEX edge_owner ON edge (owner);

-- Of what the edges of an owner were last made; the same again means that nothing is to be done.
CREATE TABLE projected (
    owner INTEGER PRIMARY KEY,
    digest BLOB NOT NULL
);

-- The latest facet by event time, of two at the same time the one whose content has the greater key. Facets
-- that measure (content NULL) have their JSON text and their time here; of the others `event_time` is a time
-- at which it was said, and contested 1 where forms have said different things. gone: it was deleted.
CREATE TABLE facet (
    entity INTEGER NOT NULL,
    name TEXT NOT NULL,
    event_time INTEGER NOT NULL,
    content INTEGER,
    body BLOB,
    gone INTEGER NOT NULL,
    contested INTEGER NOT NULL,
    PRIMARY KEY (entity, name)
) WITHOUT ROWID /* updated in place */;
CREATE INDEX facet_contested ON facet (entity) WHERE contested = 1;

-- The jobs that were ever named above a job, and when: the latest counts, then the greater key.
CREATE TABLE job_parent (
    job INTEGER NOT NULL,
    parent INTEGER NOT NULL,
    first_time INTEGER NOT NULL,
    last_time INTEGER NOT NULL,
    PRIMARY KEY (job, parent)
) WITHOUT ROWID;
CREATE INDEX job_parent_of ON job_parent (parent);

-- What else was observed of a run, where there was something to observe (kinds: `Observed` in history.py).
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
-- What the queries of a kind in a run cost, in billionths of a currency. No row: that is not known; 0 is free.
CREATE TABLE query_cost (
    query INTEGER NOT NULL,
    run INTEGER NOT NULL,
    currency TEXT NOT NULL,
    cost INTEGER NOT NULL,
    PRIMARY KEY (query, run)
) WITHOUT ROWID;
