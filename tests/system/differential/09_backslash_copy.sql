\copy people TO 'people.txt'
\copy people TO 'people.csv' WITH (FORMAT csv, HEADER)
\copy people TO 'people.bin' WITH (FORMAT binary)
\copy (SELECT id, name FROM people ORDER BY id) TO STDOUT WITH CSV
\copy (SELECT i, repeat(chr(97 + i % 26), i) FROM generate_series(1, 2000) i) TO 'series.bin' WITH (FORMAT binary)
CREATE TABLE series (i int, t text);
\copy series FROM 'series.bin' WITH (FORMAT binary)
SELECT count(*), sum(i), sum(length(t)) FROM series;
CREATE TABLE copied (LIKE people);
\copy copied FROM 'people.txt'
\copy copied FROM 'people.csv' WITH (FORMAT csv, HEADER)
\copy copied FROM 'people.bin' WITH (FORMAT binary)
SELECT id, count(*), count(DISTINCT c) FROM copied c GROUP BY id ORDER BY id;
\copy copied FROM 'people.csv' WITH (FORMAT binary)
\copy copied FROM 'nothing-here.txt'
\copy nothing FROM 'people.txt'
\copy nothing TO 'nothing.txt'
\copy series FROM 'people.txt'
\copy people (id, name) TO PROGRAM 'sort -r'
\copy series (i) FROM PROGRAM 'printf "7\n8\n"'
SELECT count(*) FROM series;
\copy series FROM STDIN
9001	inline
9002	inline
\.
SELECT * FROM series WHERE i > 9000 ORDER BY i;
\copy syntax error here
SELECT 1 AS "still alive";
