-- Which contents runs read (written 0) and wrote (1). content, artifact_id: 32 bytes of a hash, and the word
-- that says of what; content_key: 63 bits of a hash of the whole. event_time: the first one that says so.
CREATE TABLE artifact (
    run INTEGER NOT NULL,
    dataset INTEGER NOT NULL,
    written INTEGER NOT NULL,
    content_key INTEGER NOT NULL,
    content BLOB NOT NULL,
    event_time INTEGER NOT NULL,
    artifact_id BLOB NOT NULL,
    PRIMARY KEY (run, dataset, written, content_key)
) WITHOUT ROWID;
CREATE INDEX artifact_content ON artifact (content_key);
