-- What the queries of a kind in a run cost, in billionths of a currency. No row: that is not known; 0 is free.
CREATE TABLE query_cost (
    query INTEGER NOT NULL,
    run INTEGER NOT NULL,
    currency TEXT NOT NULL,
    cost INTEGER NOT NULL,
    PRIMARY KEY (query, run)
) WITHOUT ROWID;
