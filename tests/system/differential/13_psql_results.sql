SELECT id AS the_id, name AS the_name FROM people WHERE id = 1 \gset
\echo :the_id :'the_name' :"the_name"
SELECT * FROM people WHERE id = :the_id;
SELECT 1 AS a WHERE false \gset
SELECT 1 AS a FROM people \gset
SELECT 1 AS a, 2 AS b \gset prefix_
\echo :prefix_a :prefix_b
SELECT format('SELECT %s AS n, %L AS t', i, 'x' || i) FROM generate_series(1, 3) i \gexec
SELECT 'CREATE TABLE g' || i || ' (i int)', 'DROP TABLE g' || i FROM generate_series(1, 2) i \gexec
SELECT 'SELECT 1/0', 'SELECT 2' \gexec
SELECT person, what, quantity FROM items WHERE person IS NOT NULL \crosstabview
SELECT person, what, quantity FROM items ORDER BY 2 \crosstabview what person quantity
SELECT 1, 2 \crosstabview
SELECT id, name, 1/(id - 100) FROM people WHERE id < 3 \gdesc
SELECT nothing \gdesc
SELECT \gdesc
SELECT * FROM people ORDER BY id \gx
SELECT 1 AS out \g result.txt
SELECT 2 AS out \g | cat
\x on
SELECT * FROM people ORDER BY id;
SELECT 1 WHERE false;
\x off
\pset null '(null)'
SELECT * FROM people ORDER BY id;
\pset format csv
SELECT * FROM people ORDER BY id;
\pset format html
SELECT * FROM people WHERE id = 4;
\pset format latex
SELECT id FROM people;
\pset format unaligned
SELECT * FROM people ORDER BY id;
\pset format wrapped
\pset columns 60
SELECT * FROM people ORDER BY id;
\pset format asciidoc
SELECT id, name FROM people WHERE id < 3;
\pset format aligned
\pset border 2
\pset linestyle unicode
SELECT id, name FROM people ORDER BY id;
\pset footer off
SELECT 1;
\pset tuples_only on
SELECT 2;
\pset tuples_only off
\pset border 1
\pset linestyle ascii
\pset null ''
\pset expanded auto
SELECT * FROM people WHERE id = 1;
\t
SELECT 'only tuples';
\t
\a
SELECT 1, 2;
\a
\if :the_id
SELECT 'taken';
\else
SELECT 'not taken';
\endif
\o out.txt
SELECT 'into a file';
\o
\w buffer.txt
\qecho done
\timing off
\encoding
\encoding LATIN1
SELECT 'ascii only', 1;
\encoding UTF8
\set name O'Brien
SELECT :'name';
SELECT :{?name}, :{?nothing};
\unset name
