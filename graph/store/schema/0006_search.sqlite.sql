-- What search reads: a projection of nodes, aliases, facets and statements. Texts are read where they are.
-- A document is what could be found of a dataset or job at a time; entity is NULL once there is a newer one.
CREATE TABLE search_document (
    number INTEGER PRIMARY KEY,
    entity INTEGER UNIQUE,
    digest INTEGER NOT NULL
);

-- The words of documents, made by search_words.py; rowid: the number of the document.
CREATE VIRTUAL TABLE search_words USING fts5 (
    name, columns, texts, sql, content = '', columnsize = 0, detail = column, tokenize = 'ascii'
);

-- The datasets and jobs of which the document may be out of date.
CREATE TABLE search_waiting (
    entity INTEGER PRIMARY KEY
);
INSERT INTO search_waiting SELECT key FROM node WHERE type <> 2;

-- A run that says what was said before fires none of these. named & 2: the schema facet says so, too.
CREATE TRIGGER search_node AFTER INSERT ON node WHEN new.type <> 2 OR new.named & 2 = 0 BEGIN
    INSERT INTO search_waiting VALUES (coalesce(new.dataset, new.key)) ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER search_node_gone AFTER DELETE ON node WHEN old.type <> 2 OR old.named & 2 = 0 BEGIN
    INSERT INTO search_waiting VALUES (coalesce(old.dataset, old.key)) ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER search_alias AFTER INSERT ON alias BEGIN
    INSERT INTO search_waiting VALUES (new.target) ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER search_alias_gone AFTER DELETE ON alias BEGIN
    INSERT INTO search_waiting VALUES (old.target) ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER search_facet AFTER INSERT ON facet
WHEN new.name IN ('schema', 'documentation', 'tags', 'ownership', 'sql', 'lineageGraph_statements') BEGIN
    INSERT INTO search_waiting VALUES (new.entity) ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER search_facet_changed AFTER UPDATE OF content, gone ON facet
WHEN new.name IN ('schema', 'documentation', 'tags', 'ownership', 'sql', 'lineageGraph_statements') BEGIN
    INSERT INTO search_waiting VALUES (new.entity) ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER search_facet_gone AFTER DELETE ON facet
WHEN old.name IN ('schema', 'documentation', 'tags', 'ownership', 'sql', 'lineageGraph_statements') BEGIN
    INSERT INTO search_waiting VALUES (old.entity) ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER search_query AFTER INSERT ON query WHEN new.text IS NOT NULL BEGIN
    INSERT INTO search_waiting VALUES (new.job) ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER search_query_gone AFTER DELETE ON query WHEN old.text IS NOT NULL BEGIN
    INSERT INTO search_waiting VALUES (old.job) ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER search_annotation AFTER INSERT ON annotation WHEN new.kind <> 'deletion' BEGIN
    INSERT INTO search_waiting SELECT coalesce(dataset, key) FROM node WHERE key = new.entity
    ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER search_annotation_changed AFTER UPDATE ON annotation WHEN new.kind <> 'deletion' BEGIN
    INSERT INTO search_waiting SELECT coalesce(dataset, key) FROM node WHERE key = new.entity
    ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER search_annotation_gone AFTER DELETE ON annotation WHEN old.kind <> 'deletion' BEGIN
    INSERT INTO search_waiting SELECT coalesce(dataset, key) FROM node WHERE key = old.entity
    ON CONFLICT DO NOTHING;
END;
