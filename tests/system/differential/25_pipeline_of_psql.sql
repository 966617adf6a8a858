\set QUIET on
\set ECHO queries
SELECT 1;
\set ECHO_HIDDEN on
\dt people
\set ECHO_HIDDEN off
\set SINGLELINE off
\echo :DBNAME :USER
\set content `echo from the shell`
SELECT :'content';
SELECT id FROM people ORDER BY id \g (format=csv tuples_only=on)
SELECT name FROM people ORDER BY id \gx (null='~')
\set i 0
\! echo shell
\cd .
\conninfo nonsense
\set
\help ABORT
\copyright
\nonsense
\i nothing-here.sql
\ir nothing-here.sql
\echo -n no newline
\warn to stderr
\ev nothing
\s /dev/null
\setenv X y
\getenv back X
\echo :back
\r
\p
\errverbose
SELECT 1/0;
\errverbose
\set ON_ERROR_STOP on
SELECT 1/0;
SELECT 'never';
