SELECT i, md5(i::text), repeat('x', i % 50) FROM generate_series(1, 10000) i;
\pset format unaligned
SELECT repeat('0123456789abcdef', 131072) AS two_megabytes;
SELECT length(repeat('é', 1000000));
SELECT i, NULL, '', i::text, i::numeric / 7, (i % 2 = 0), ARRAY[i, i], jsonb_build_object('i', i) FROM generate_series(1, 5000) i;
SELECT string_agg('SELECT ' || i, ' UNION ALL ' ORDER BY i) AS long_query FROM generate_series(1, 1500) i \gset
:long_query;
SELECT repeat('y', 300000) AS big \gset
SELECT length(:'big'), md5(:'big');
CREATE TABLE wide AS SELECT :'big'::text AS a, :'big'::text AS b;
SELECT length(a || b) FROM wide;
COPY wide TO STDOUT;
COPY (SELECT i, repeat('z', 100) FROM generate_series(1, 5000) i) TO STDOUT;
SELECT array_agg(i) FROM generate_series(1, 20000) i;
SELECT json_agg(json_build_object('i', i, 't', 'v' || i)) FROM generate_series(1, 3000) i;
SELECT string_agg(format('%s AS c%s', i, i), ', ' ORDER BY i) AS columns FROM generate_series(1, 1600) i \gset
SELECT :columns;
SELECT FROM generate_series(1, 1000);
SELECT repeat('error text ', 3000)::int;
