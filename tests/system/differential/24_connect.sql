SELECT current_user;
\c
SELECT 'again', current_database();
PREPARE gone AS SELECT 1;
\c postgres
SELECT current_database();
EXECUTE gone;
\c nothing_of_this_name
SELECT current_database();
