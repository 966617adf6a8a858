COPY people TO STDOUT;
COPY people TO STDOUT WITH (FORMAT csv, HEADER);
COPY people (id, name) TO STDOUT WITH (FORMAT csv, DELIMITER ';', QUOTE '''', FORCE_QUOTE *);
COPY people TO STDOUT WITH (DELIMITER '|', NULL 'nothing');
COPY (SELECT id, tags, profile FROM people ORDER BY id DESC) TO STDOUT;
COPY (SELECT E'tab\there\nnewline\\backslash\r', NULL, '', '\N', '\.') TO STDOUT;
COPY (SELECT E'tab\there\nnewline\\backslash\r', NULL, '', '\N', '\.', '"') TO STDOUT (FORMAT csv);
COPY (SELECT 1 WHERE false) TO STDOUT;
COPY (SELECT i, md5(i::text) FROM generate_series(1, 500) i) TO STDOUT;
CREATE TABLE loaded (id int PRIMARY KEY, name text, n numeric);
COPY loaded FROM STDIN;
1	one	1.0
2	tab\there	\N
3	\\backslash\\	-3
\.
COPY loaded (name, id) FROM STDIN WITH (FORMAT csv, HEADER, NULL '-');
name,id
"quoted ""four""",4
"line
break",5
-,6
\.
SELECT * FROM loaded ORDER BY id;
COPY loaded FROM STDIN;
1	duplicate	1
\.
COPY loaded FROM STDIN;
x	not a number	1
\.
COPY loaded FROM STDIN;
7	too few
\.
COPY loaded FROM STDIN;
7	too	1	many
\.
COPY loaded FROM STDIN (FORMAT csv);
7,"unterminated
\.
COPY loaded FROM STDIN WITH (FORMAT csv, HEADER match);
wrong,header,here
7,x,1
\.
COPY loaded (nocolumn) FROM STDIN;
COPY nothing FROM STDIN;
COPY nothing TO STDOUT;
COPY loaded FROM STDIN WITH (FORMAT nonsense);
SELECT count(*) FROM loaded;
BEGIN;
COPY loaded FROM STDIN;
8	eight	8
\.
SAVEPOINT a;
COPY loaded FROM STDIN;
8	again	8
\.
ROLLBACK TO a;
COPY loaded TO STDOUT;
COMMIT;
COPY loaded FROM STDIN WHERE id > 100;
99	not taken	1
101	taken	2
\.
SELECT * FROM loaded WHERE id > 50;
COPY loaded FROM STDIN WITH (FREEZE);
\.
COPY rich TO STDOUT;
COPY loaded TO PROGRAM 'cat > /dev/null';
COPY loaded FROM PROGRAM 'printf "200\tprogram\t1\n"';
COPY loaded TO '/nonexistent/folder/file';
SELECT count(*) FROM loaded;
