DO $$ BEGIN RAISE NOTICE 'plain'; RAISE WARNING 'warning %', 42; RAISE INFO 'info'; RAISE LOG 'log'; RAISE DEBUG 'debug'; END $$;
SET client_min_messages = debug1;
DO $$ BEGIN RAISE DEBUG 'debug'; RAISE LOG 'log'; END $$;
SET client_min_messages = error;
DO $$ BEGIN RAISE WARNING 'not seen'; END $$;
RESET client_min_messages;
DO $$ BEGIN RAISE NOTICE E'two\nlines' USING DETAIL = 'd1', HINT = 'h1'; END $$;
DO $$ BEGIN FOR i IN 1..50 LOOP RAISE NOTICE 'number %', i; END LOOP; END $$;
DO $$ BEGIN RAISE NOTICE '%', repeat('long ', 5000); END $$;
CREATE TABLE IF NOT EXISTS people (id int);
CREATE TABLE noticed (id serial PRIMARY KEY, u int UNIQUE);
DROP TABLE noticed CASCADE;
DROP SCHEMA IF EXISTS nothing CASCADE;
ROLLBACK;
COMMIT;
BEGIN;
BEGIN;
COMMIT;
CREATE FUNCTION noisy(n int) RETURNS SETOF int LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..n LOOP
        RAISE NOTICE 'row %', i;
        RETURN NEXT i;
    END LOOP;
END $$;
SELECT * FROM noisy(5);
SELECT noisy(3), 'x';
CREATE VIEW over_people AS SELECT * FROM people;
DROP VIEW over_people;
CREATE SCHEMA cascaded CREATE TABLE a (i int) CREATE VIEW b AS SELECT * FROM a;
DROP SCHEMA cascaded CASCADE;
VACUUM (VERBOSE false) people;
ANALYZE people;
