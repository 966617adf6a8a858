SELECT 1 \; SELECT 2 \; SELECT 3;
SELECT 1 AS a \; SELECT 'x' AS b, 'y' AS c \; SELECT;
BEGIN \; INSERT INTO people (id, name) VALUES (50, 'Fifty') \; SELECT count(*) FROM people \; ROLLBACK;
SELECT count(*) FROM people;
INSERT INTO people (id, name) VALUES (51, 'Fifty-one') \; SELECT 1/0 \; SELECT 'never';
SELECT count(*) FROM people WHERE id = 51;
INSERT INTO people (id, name) VALUES (52, 'x') \; COMMIT \; SELECT 1/0;
SELECT count(*) FROM people WHERE id = 52;
CREATE TABLE m (i int) \; INSERT INTO m VALUES (1), (2) \; SELECT * FROM m \; DROP TABLE m;
SELECT 1 \; SELEC 2 \; SELECT 3;
SELECT 1 \; SELECT * FROM nothing \; SELECT 3;
DO $$ BEGIN RAISE NOTICE 'one'; END $$ \; SELECT 'two' \; DO $$ BEGIN RAISE NOTICE 'three'; END $$;
COPY people (id) TO STDOUT \; SELECT 'after copy' \; COPY (SELECT 'second') TO STDOUT;
CREATE TABLE two (i int) \; COPY two FROM STDIN \; COPY two FROM STDIN \; SELECT * FROM two;
1
2
\.
3
\.
SAVEPOINT nope \; SELECT 1;
BEGIN \; SAVEPOINT s \; SELECT 1/0;
ROLLBACK TO s \; SELECT 'recovered' \; COMMIT;
SET work_mem = '5MB' \; SHOW work_mem \; RESET work_mem \; SHOW work_mem;
;
;;
-- only a comment
/* nested /* comment */ */ SELECT /* inside */ 1 -- behind
;
\set SHOW_ALL_RESULTS off
SELECT 1 \; SELECT 2;
\set SHOW_ALL_RESULTS on
SET search_path = nowhere \; SELECT current_schemas(false) \; RESET search_path \; SELECT count(*) FROM people;
PREPARE p AS SELECT 'prepared here' \; EXECUTE p \; DEALLOCATE p;
