-- Through the server's functions: libpq's own lo_ calls use FunctionCall, which sworn refuses (see test_clients.py).
SELECT lo_create(424242);
SELECT lo_create(424242);
SELECT lo_put(424242, 0, 'some bytes'), lo_put(424242, 5, '\x00ff00');
SELECT lo_get(424242), lo_get(424242, 2, 3);
SELECT lo_unlink(424242);
SELECT lo_unlink(424242);
SELECT lo_get(424242);
SELECT lo_from_bytea(424243, decode(repeat('deadbeef', 25000), 'hex'));
SELECT length(lo_get(424243)), md5(lo_get(424243));
BEGIN;
SELECT lo_open(424243, 131072 + 262144) AS fd;
SELECT loread(0, 8), lo_lseek(0, -4, 2), lo_tell(0), loread(0, 100);
SELECT lowrite(0, 'appended'), lo_lseek64(0, 0, 2);
SELECT lo_truncate(0, 10), lo_close(0);
COMMIT;
SELECT lo_get(424243);
\lo_list
COMMENT ON LARGE OBJECT 424243 IS 'a large one';
GRANT SELECT ON LARGE OBJECT 424243 TO PUBLIC;
\dl
\dl+
SELECT loread(0, 1);
BEGIN;
SELECT lo_open(999999, 262144);
ROLLBACK;
SELECT loid, pageno, length(data) FROM pg_largeobject ORDER BY 1, 2;
SELECT lo_import('/nonexistent/file'), 1;
SELECT lo_export(424243, '/nonexistent/file');
SELECT lo_unlink(424243);
\dl
