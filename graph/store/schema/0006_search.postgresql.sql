-- What search reads: see 0006_search.sqlite.sql, which this follows.
CREATE TABLE search_document (
    number INTEGER PRIMARY KEY,
    entity INTEGER UNIQUE,
    digest INTEGER NOT NULL
);

-- The weights A to D are the places: name, columns, texts, sql.
CREATE TABLE search_words (
    rowid INTEGER PRIMARY KEY,
    words tsvector NOT NULL
);
CREATE INDEX search_words_words ON search_words USING gin (words);

CREATE TABLE search_waiting (
    entity INTEGER PRIMARY KEY
);
INSERT INTO search_waiting SELECT key FROM node WHERE type <> 2;

-- The row of a table is in its own schema, whatever the path of who writes it. Argument: the column to mark.
CREATE FUNCTION search_mark() RETURNS trigger LANGUAGE plpgsql AS '
DECLARE
    said jsonb := CASE TG_OP WHEN ''DELETE'' THEN to_jsonb(old) ELSE to_jsonb(new) END;
BEGIN
    EXECUTE format(''INSERT INTO %I.search_waiting VALUES ($1) ON CONFLICT DO NOTHING'', TG_TABLE_SCHEMA)
    USING CAST(coalesce(said ->> TG_ARGV[0], said ->> TG_ARGV[1]) AS bigint);
    RETURN NULL;
END';

CREATE OR REPLACE TRIGGER search_node AFTER INSERT ON node FOR EACH ROW
WHEN (new.type <> 2 OR new.named & 2 = 0) EXECUTE FUNCTION search_mark('dataset', 'key');
CREATE OR REPLACE TRIGGER search_node_gone AFTER DELETE ON node FOR EACH ROW
WHEN (old.type <> 2 OR old.named & 2 = 0) EXECUTE FUNCTION search_mark('dataset', 'key');
CREATE OR REPLACE TRIGGER search_alias AFTER INSERT ON alias FOR EACH ROW EXECUTE FUNCTION search_mark('target');
CREATE OR REPLACE TRIGGER search_alias_gone AFTER DELETE ON alias FOR EACH ROW EXECUTE FUNCTION search_mark('target');
CREATE OR REPLACE TRIGGER search_facet AFTER INSERT ON facet FOR EACH ROW
WHEN (new.name IN ('schema', 'documentation', 'tags', 'ownership', 'sql', 'lineageGraph_statements'))
EXECUTE FUNCTION search_mark('entity');
CREATE OR REPLACE TRIGGER search_facet_changed AFTER UPDATE OF content, gone ON facet FOR EACH ROW
WHEN (new.name IN ('schema', 'documentation', 'tags', 'ownership', 'sql', 'lineageGraph_statements'))
EXECUTE FUNCTION search_mark('entity');
CREATE OR REPLACE TRIGGER search_facet_gone AFTER DELETE ON facet FOR EACH ROW
WHEN (old.name IN ('schema', 'documentation', 'tags', 'ownership', 'sql', 'lineageGraph_statements'))
EXECUTE FUNCTION search_mark('entity');
CREATE OR REPLACE TRIGGER search_query AFTER INSERT ON query FOR EACH ROW
WHEN (new.text IS NOT NULL) EXECUTE FUNCTION search_mark('job');
CREATE OR REPLACE TRIGGER search_query_gone AFTER DELETE ON query FOR EACH ROW
WHEN (old.text IS NOT NULL) EXECUTE FUNCTION search_mark('job');

CREATE FUNCTION search_mark_annotated() RETURNS trigger LANGUAGE plpgsql AS '
BEGIN
    EXECUTE format(
        ''INSERT INTO %1$I.search_waiting SELECT coalesce(dataset, key) FROM %1$I.node WHERE key = $1''
        '' ON CONFLICT DO NOTHING'', TG_TABLE_SCHEMA
    ) USING CASE TG_OP WHEN ''DELETE'' THEN old.entity ELSE new.entity END;
    RETURN NULL;
END';

CREATE OR REPLACE TRIGGER search_annotation AFTER INSERT OR UPDATE ON annotation FOR EACH ROW
WHEN (new.kind <> 'deletion') EXECUTE FUNCTION search_mark_annotated();
CREATE OR REPLACE TRIGGER search_annotation_gone AFTER DELETE ON annotation FOR EACH ROW
WHEN (old.kind <> 'deletion') EXECUTE FUNCTION search_mark_annotated();
