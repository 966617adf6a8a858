COMMENT ON TABLE people IS 'those we know';
COMMENT ON COLUMN people.email IS 'may be missing';
CREATE SEQUENCE counter INCREMENT 5 MAXVALUE 100 CYCLE;
CREATE MATERIALIZED VIEW totals AS SELECT person, sum(total) AS total FROM items GROUP BY person;
CREATE FUNCTION add(a int, b int DEFAULT 1) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a + b';
CREATE PROCEDURE proc(INOUT a int) LANGUAGE plpgsql AS 'BEGIN a := a + 1; END';
CREATE AGGREGATE product(int) (SFUNC = int4mul, STYPE = int, INITCOND = 1);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER touching BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION touch();
CREATE RULE no_delete AS ON DELETE TO people DO INSTEAD NOTHING;
CREATE STATISTICS stat ON person, what FROM items;
CREATE TABLE parted (id int, at date) PARTITION BY RANGE (at);
CREATE TABLE parted_2024 PARTITION OF parted FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE parent (a int);
CREATE TABLE child (b int) INHERITS (parent);
CREATE PUBLICATION pub FOR TABLE people WHERE (id > 5);
ALTER TABLE people ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON people FOR SELECT USING (id > 0);
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;
GRANT SELECT (id, name) ON people TO PUBLIC;
\d
\d+
\d people
\d+ people
\d items
\d+ items
\d items_pkey
\d counter
\d rich
\d+ rich
\d totals
\d parted
\d+ parted
\d parted_2024
\d child
\d+ parent
\d point3
\d nothing
\d pg_class
\d pg_catalog.pg_type
\d "Strange ""name"
\da
\da product
\dA
\dA+
\dAc btree int4
\dAf btree
\dAo btree integer_ops
\dAp hash text_ops
\db
\dc *latin*
\dconfig work_mem
\dC int4
\dd
\ddp
\dD
\dD+
\dE
\des
\deu
\dew
\det
\df
\df+ add
\df ad* int
\dfa
\dfp
\dft
\dF
\dFd
\dFp
\dFt
\dg
\di
\di+
\dl
\dL
\dL+
\dm
\dn
\dn+
\do || text
\dO C*
\dp
\dP
\dP+
\drds
\dRp
\dRp+
\dRs
\ds
\ds+
\dS pg_am
\dt
\dt+
\dt people
\dt public.*
\dtv
\dT
\dT+
\du
\du+
\dv
\dv+
\dx
\dx+ plpgsql
\dX
\dy
\l
\sf add
\sf+ touch
\sf nothing
\sv rich
\sv+ rich
\sv nothing
\z
\z people
