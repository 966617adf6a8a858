\set VERBOSITY verbose
SELECT nam FROM people;
INSERT INTO people (id, name) VALUES (1, 'Nobody');
SELECT 1/0;
\set VERBOSITY terse
SELECT nam FROM people;
INSERT INTO people (id, name) VALUES (1, 'Nobody');
\set VERBOSITY sqlstate
SELECT nam FROM people;
INSERT INTO people (id, name) VALUES (1, 'Nobody');
\set VERBOSITY default
\set SHOW_CONTEXT always
DO $$ BEGIN RAISE NOTICE 'with context'; END $$;
CREATE FUNCTION outer_f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN inner_f(); END $$;
CREATE FUNCTION inner_f() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1/0;
    RETURN 1;
END $$;
SELECT outer_f();
\errverbose
\set SHOW_CONTEXT never
SELECT outer_f();
\set SHOW_CONTEXT errors
DO $$ BEGIN RAISE EXCEPTION 'mine' USING ERRCODE = 'P0099', DETAIL = 'a detail', HINT = 'a hint', COLUMN = 'c', TABLE = 't', SCHEMA = 's', CONSTRAINT = 'k', DATATYPE = 'd'; END $$;
\errverbose
\echo :ERROR :SQLSTATE :LAST_ERROR_SQLSTATE :LAST_ERROR_MESSAGE
SELECT 1 \gset
\echo :ERROR :ROW_COUNT :SERVER_VERSION_NUM :ENCODING
