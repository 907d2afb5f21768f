"""Bodies of procedures in each language: their statements are found, what steers them is no lineage."""

from __future__ import annotations

import pytest

from lineage.sql import SqlLineage, extract


def tables(result: SqlLineage) -> tuple[set[str], set[str]]:
    return {table.name for table in result.inputs}, {table.name for table in result.outputs}


def edges(result: SqlLineage) -> dict[str, set[str]]:
    return {
        f"{each.output.table}.{each.output.column}": {
            f"{source.table}.{source.column} {source.subtype}" for source in (*each.inputs, *each.indirect)
        }
        for each in result.columns
    }


BODIES = {
    "tsql": """CREATE OR ALTER PROCEDURE dbo.load @day date, @n int = 0 AS
        BEGIN
            SET NOCOUNT ON
            BEGIN TRY
                DECLARE @last int = (SELECT max(id) FROM dbo.marks)
                IF EXISTS (SELECT 1 FROM dbo.locks WHERE d = @day)
                    RETURN 1
                ELSE
                    INSERT INTO dbo.o (id, v) SELECT id, upper(v) FROM dbo.t WHERE d = @day
                WHILE @n < 3 BEGIN SET @n = @n + 1 DELETE FROM dbo.gone WHERE n = @n END
                EXEC sp_executesql N'TRUNCATE TABLE dbo.stage'
            END TRY
            BEGIN CATCH
                PRINT ERROR_MESSAGE();
                THROW;
            END CATCH
        END
        GO""",
    "postgres": """CREATE OR REPLACE FUNCTION load(p_day date) RETURNS void LANGUAGE plpgsql AS $body$
        DECLARE v_last int; r record;
        BEGIN
            SELECT max(id) INTO STRICT v_last FROM dbo.marks;
            IF EXISTS (SELECT 1 FROM dbo.locks WHERE d = p_day) THEN RETURN; END IF;
            INSERT INTO dbo.o (id, v) SELECT id, upper(v) FROM dbo.t WHERE d = p_day;
            FOR i IN 1..3 LOOP DELETE FROM dbo.gone WHERE n = i; END LOOP;
            EXECUTE 'TRUNCATE TABLE dbo.stage';
        EXCEPTION WHEN OTHERS THEN RAISE NOTICE 'bad';
        END $body$;""",
    "snowflake": """CREATE OR REPLACE PROCEDURE load(p_day DATE) RETURNS VARCHAR LANGUAGE SQL AS $$
        DECLARE v_last INT DEFAULT (SELECT max(id) FROM dbo.marks);
        BEGIN
            IF (EXISTS (SELECT 1 FROM dbo.locks WHERE d = :p_day)) THEN RETURN 'no'; END IF;
            INSERT INTO dbo.o (id, v) SELECT id, upper(v) FROM dbo.t WHERE d = :p_day;
            FOR i IN 1 TO 3 DO DELETE FROM dbo.gone WHERE n = :i; END FOR;
            EXECUTE IMMEDIATE 'TRUNCATE TABLE dbo.stage';
            RETURN 'ok';
        EXCEPTION WHEN OTHER THEN RETURN 'bad';
        END $$;""",
    "bigquery": """CREATE OR REPLACE PROCEDURE dbo.load(p_day DATE)
        BEGIN
            DECLARE v_last INT64 DEFAULT (SELECT max(id) FROM dbo.marks);
            DECLARE i INT64;
            IF EXISTS (SELECT 1 FROM dbo.locks WHERE d = p_day) THEN RETURN; END IF;
            INSERT INTO dbo.o (id, v) SELECT id, upper(v) FROM dbo.t WHERE d = p_day;
            SET i = 0;
            LOOP SET i = i + 1; DELETE FROM dbo.gone WHERE n = i; IF i > 3 THEN LEAVE; END IF; END LOOP;
            EXECUTE IMMEDIATE 'TRUNCATE TABLE dbo.stage';
        EXCEPTION WHEN ERROR THEN RAISE;
        END;""",
    "oracle": """CREATE OR REPLACE PROCEDURE load (p_day IN DATE) AS
            v_last NUMBER := 0;
        BEGIN
            SELECT max(id) INTO v_last FROM dbo.marks;
            FOR r IN (SELECT 1 FROM dbo.locks WHERE d = p_day) LOOP RETURN; END LOOP;
            INSERT INTO dbo.o (id, v) SELECT id, upper(v) FROM dbo.t WHERE d = p_day;
            FORALL i IN 1 .. 3 DELETE FROM dbo.gone WHERE n = i;
            EXECUTE IMMEDIATE 'TRUNCATE TABLE dbo.stage';
            COMMIT;
        EXCEPTION WHEN OTHERS THEN DBMS_OUTPUT.PUT_LINE('bad'); RAISE;
        END load;
        /""",
    "mysql": """DELIMITER //
        CREATE DEFINER=`root`@`%` PROCEDURE load(IN p_day DATE, OUT v_last INT)
        BEGIN
            DECLARE i INT DEFAULT 0;
            DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; RESIGNAL; END;
            SELECT max(id) INTO v_last FROM dbo.marks;
            IF EXISTS (SELECT 1 FROM dbo.locks WHERE d = p_day) THEN SET i = 1; END IF;
            INSERT INTO dbo.o (id, v) SELECT id, upper(v) FROM dbo.t WHERE d = p_day;
            again: LOOP SET i = i + 1; DELETE FROM dbo.gone WHERE n = i; LEAVE again; END LOOP again;
            TRUNCATE TABLE dbo.stage;
        END//
        DELIMITER ;""",
    "databricks": """CREATE OR REPLACE PROCEDURE load(p_day DATE) LANGUAGE SQL SQL SECURITY INVOKER AS
        BEGIN
            DECLARE i INT DEFAULT 0;
            DECLARE v_last INT DEFAULT (SELECT max(id) FROM dbo.marks);
            IF EXISTS (SELECT 1 FROM dbo.locks WHERE d = p_day) THEN SET i = 1; END IF;
            INSERT INTO dbo.o (id, v) SELECT id, upper(v) FROM dbo.t WHERE d = p_day;
            WHILE i < 3 DO SET i = i + 1; DELETE FROM dbo.gone WHERE n = i; END WHILE;
            EXECUTE IMMEDIATE 'TRUNCATE TABLE dbo.stage';
        END""",
}


@pytest.mark.parametrize("dialect", BODIES)
def test_a_body_is_told_apart_into_its_statements(dialect: str) -> None:
    result = extract(BODIES[dialect], dialect=dialect)
    assert result.problems == ()
    assert tables(result) == (
        {"dbo.marks", "dbo.locks", "dbo.t"},
        {"dbo.o", "dbo.gone", "dbo.stage"},
    )
    assert edges(result) == {
        "dbo.o.id": {"dbo.t.id IDENTITY", "dbo.t.d FILTER"},
        "dbo.o.v": {"dbo.t.v TRANSFORMATION", "dbo.t.d FILTER"},
    }, "parameters and variables are no columns, and conditions write none"


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        ("postgres", "DO $$ BEGIN INSERT INTO o (x) SELECT a FROM t; END $$"),
        ("postgres", "CREATE FUNCTION f() RETURNS void AS 'INSERT INTO o (x) SELECT a FROM t' LANGUAGE sql"),
        ("postgres", "CREATE PROCEDURE p() BEGIN ATOMIC INSERT INTO o (x) SELECT a FROM t; END"),
        ("snowflake", "BEGIN INSERT INTO o (x) SELECT a FROM t; END;"),
        ("snowflake", "EXECUTE IMMEDIATE $$ INSERT INTO o (x) SELECT a FROM t $$"),
        ("snowflake",
         "CREATE TASK k WAREHOUSE = w SCHEDULE = '1 minute' AS INSERT INTO o (x) SELECT a "
         "FROM t"),
        ("oracle", "BEGIN INSERT INTO o (x) SELECT a FROM t; END;\n/"),
        ("mysql", "CREATE PROCEDURE p() INSERT INTO o (x) SELECT a FROM t"),
        ("mysql", "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO INSERT INTO o (x) SELECT a FROM t"),
        ("tsql", "CREATE PROC p AS INSERT INTO o (x) SELECT a FROM t"),
        ("tsql", "ALTER PROCEDURE p @n int AS INSERT INTO o (x) SELECT a FROM t"),
        ("tsql", "EXEC('INSERT INTO o (x) SELECT a FROM t')"),
        ("bigquery", "EXECUTE IMMEDIATE 'INSERT INTO o (x) SELECT a FROM t'"),
        ("mysql", "PREPARE s FROM 'INSERT INTO o (x) SELECT a FROM t'"),
    ],
)  # fmt: skip
def test_code_is_found_wherever_it_stands(dialect: str, sql: str) -> None:
    result = extract(sql, dialect=dialect)
    assert result.problems == ()
    assert edges(result) == {"o.x": {"t.a IDENTITY"}}


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        ("oracle",
         "BEGIN FOR r IN (SELECT a, b FROM t WHERE c = 1) LOOP INSERT INTO o (x, y) VALUES "
         "(r.a, upper(r.b)); END LOOP; END;"),
        ("oracle",
         "DECLARE CURSOR k (n NUMBER) IS SELECT a, b FROM t WHERE c = n; BEGIN FOR r IN k(1) "
         "LOOP INSERT INTO o (x, y) SELECT r.a, upper(r.b) FROM dual; END LOOP; END;"),
        ("postgres",
         "DO $$ DECLARE r record; BEGIN FOR r IN SELECT a, b FROM t WHERE c = 1 LOOP INSERT "
         "INTO o (x, y) VALUES (r.a, upper(r.b)); END LOOP; END $$"),
        ("bigquery",
         "FOR r IN (SELECT a, b FROM t WHERE c = 1) DO INSERT INTO o (x, y) VALUES (r.a, "
         "upper(r.b)); END FOR;"),
        ("snowflake",
         "DECLARE k CURSOR FOR SELECT a, b FROM t WHERE c = 1; BEGIN FOR r IN k DO INSERT "
         "INTO o (x, y) VALUES (r.a, upper(r.b)); END FOR; END;"),
    ],
)  # fmt: skip
def test_rows_of_a_loop_are_those_of_its_query(dialect: str, sql: str) -> None:
    result = extract(sql, dialect=dialect)
    assert tables(result) == ({"t"}, {"o"})
    assert edges(result) == {
        "o.x": {"t.a IDENTITY", "t.c FILTER"},
        "o.y": {"t.b TRANSFORMATION", "t.c FILTER"},
    }


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        ("snowflake", "BEGIN EXECUTE IMMEDIATE :statement; END"),
        ("oracle", "BEGIN EXECUTE IMMEDIATE 'INSERT INTO ' || v_name || ' SELECT 1'; END;"),
        ("postgres", "DO $$ BEGIN EXECUTE format('DELETE FROM %I', x); END $$"),
        ("tsql", "EXEC dbo.other @p = 1"),
        ("tsql", "EXEC(@statement)"),
        ("oracle", "BEGIN pkg.load(1); END;"),
        ("mysql", "BEGIN CALL load(1); END"),
        ("snowflake", "CREATE PROCEDURE p() RETURNS INT LANGUAGE PYTHON AS $$ def run(s): pass $$"),
    ],
)
def test_what_cannot_be_seen_is_said(dialect: str, sql: str) -> None:
    result = extract(sql, dialect=dialect)
    assert len(result.problems) == 1
    assert "was not understood" in result.problems[0]
    assert not all(statement.certain for statement in result.statements)


def test_a_package_holds_several_procedures() -> None:
    result = extract(
        """CREATE OR REPLACE PACKAGE BODY pk AS
            g_n NUMBER := 1;
            FUNCTION f(a IN NUMBER) RETURN NUMBER IS v NUMBER; BEGIN
                SELECT max(q) INTO v FROM t1 WHERE z = a; RETURN v; END f;
            PROCEDURE p(p_day IN DATE) AS
                TYPE t_x IS TABLE OF src%ROWTYPE;
            BEGIN
                <<outer>> LOOP EXIT WHEN g_n > 3; g_n := g_n + 1; END LOOP outer;
                INSERT INTO tgt (id) SELECT id FROM src WHERE d = p_day;
            END p;
        END pk;
        /
        INSERT INTO fin SELECT a FROM zz;""",
        dialect="oracle",
    )
    assert result.problems == ()
    assert tables(result) == ({"t1", "src", "zz"}, {"tgt", "fin"})


def test_code_in_code_ends_somewhere() -> None:
    code = "INSERT INTO o SELECT 1"
    for _ in range(12):
        code = "EXECUTE IMMEDIATE '" + code.replace("'", "''") + "'"
    assert extract(code, dialect="snowflake").problems


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        (
            "mysql",
            "CREATE TRIGGER r AFTER UPDATE ON s.t FOR EACH ROW INSERT INTO o (a, b) VALUES (NEW.a, OLD.b*2)",
        ),
        (
            "mysql",
            "CREATE TRIGGER r BEFORE INSERT ON s.t FOR EACH ROW "
            "BEGIN SET NEW.c = 1; INSERT INTO o (a, b) SELECT NEW.a, NEW.b + 1; END",
        ),
        (
            "oracle",
            "CREATE OR REPLACE TRIGGER r AFTER UPDATE OF a, b ON s.t FOR EACH ROW WHEN (new.a > 0) "
            "DECLARE n NUMBER; BEGIN INSERT INTO o (a, b) VALUES (:new.a, :old.b + 1); END;",
        ),
        (
            "tsql",
            "CREATE TRIGGER r ON s.t AFTER INSERT AS INSERT INTO o (a, b) SELECT inserted.a, inserted.b + 1 "
            "FROM inserted",
        ),
        (
            "tsql",
            "CREATE OR ALTER TRIGGER r ON [s].[t] FOR UPDATE AS BEGIN SET NOCOUNT ON "
            "INSERT INTO o (a, b) SELECT i.a, d.b + 1 FROM inserted i, deleted AS d END",
        ),
        (
            "sqlite",
            "CREATE TRIGGER r AFTER INSERT ON s.t BEGIN INSERT INTO o (a, b) VALUES (NEW.a, NEW.b + 1); END",
        ),
    ],
)
def test_the_rows_of_a_trigger_are_those_of_its_table(dialect: str, sql: str) -> None:
    result = extract(sql, dialect=dialect)
    assert ([table.name for table in result.inputs], [table.name for table in result.outputs]) == (
        ["s.t"],
        ["o"],
    )
    found = {edges.output.column: edges.inputs for edges in result.columns}
    assert {
        column: [(source.table, source.column) for source in inputs] for column, inputs in found.items()
    } == {"a": [("s.t", "a")], "b": [("s.t", "b")]}


def test_tables_called_inserted_are_tables_where_no_trigger_is() -> None:
    result = extract("INSERT INTO o (a) SELECT a FROM inserted", dialect="tsql")
    assert [table.name for table in result.inputs] == ["inserted"]
