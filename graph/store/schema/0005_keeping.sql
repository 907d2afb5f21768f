-- While the log is taken in again: the contents that are used.
CREATE TABLE used_content (
    key INTEGER PRIMARY KEY
);
