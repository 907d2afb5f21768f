-- Who may use a server of this store. digest: SHA-256 of the secret, which is kept nowhere. namespaces: a JSON
-- list, empty for all. Times are nanoseconds since the epoch.
CREATE TABLE token (
    id TEXT NOT NULL PRIMARY KEY,
    digest BLOB NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    namespaces TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
) WITHOUT ROWID;

-- What was refused, and what only an administrator may do. token: of whom it was, "" where nobody said.
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    token TEXT NOT NULL,
    who TEXT NOT NULL,
    client TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    status INTEGER NOT NULL,
    reason TEXT NOT NULL
);
