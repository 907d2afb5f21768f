-- The other names of datasets: of a name that a symlink or a renaming gives to a dataset, and of each of its
-- fields, the key that stands for it in the graph. dataset: of a field, the dataset with the other name.
CREATE TABLE other_name (
    key INTEGER PRIMARY KEY,
    stands_for INTEGER NOT NULL,
    dataset INTEGER
);
CREATE INDEX other_name_stands_for ON other_name (stands_for);
CREATE INDEX other_name_dataset ON other_name (dataset) WHERE dataset IS NOT NULL;

-- What events say was renamed, and what it was called before. run: 0 for an event without one.
CREATE TABLE renamed (
    previous INTEGER NOT NULL,
    target INTEGER NOT NULL,
    event_time INTEGER NOT NULL,
    run INTEGER NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (previous, target, event_time, run)
) WITHOUT ROWID;
CREATE INDEX renamed_target ON renamed (target);
CREATE INDEX renamed_run ON renamed (run);
