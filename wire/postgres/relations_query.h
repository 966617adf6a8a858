/* What the server is asked about relations: by schemas ($1) and names ($2), an empty schema for all. Rows of six texts:
 *
 *     "same name", schema, name, schema of it, name, ""     for an empty schema, each relation of that name
 *     "relation", schema, name, schema of it, name, flags   the relation itself, and each that is touched with it
 *
 * Upwards (is_up) go partitions and children to their parents, indexes and TOAST to their tables; downwards parents to
 * their children, but not to their partitions, which are nothing but their table's rows; within are the tables of a view
 * or of a rule, and what a foreign table of this very database stands for. Views of the server itself are not opened.
 * Flags: w within, x within by a rule for writes, m a materialized view, c runs code of users. Everything is written with
 * its schema, operators too, because the client's search_path is in force. */
#ifndef SWORN_WIRE_POSTGRES_RELATIONS_QUERY_H
#define SWORN_WIRE_POSTGRES_RELATIONS_QUERY_H

#define RELATIONS_QUERY \
    "WITH RECURSIVE asked(schema, name) AS ( SELECT DISTINCT u.s, u.n FROM ROWS FROM " \
    "(pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])) AS u(s, n)), " \
    "found(schema, name, oid, space, relname) AS ( SELECT a.schema, a.name, c.oid, s.nspname, c.relname FROM " \
    "asked a JOIN pg_catalog.pg_class c ON c.relname OPERATOR(pg_catalog.=) a.name::pg_catalog.name JOIN " \
    "pg_catalog.pg_namespace s ON s.oid OPERATOR(pg_catalog.=) c.relnamespace WHERE s.nspname " \
    "OPERATOR(pg_catalog.=) a.schema::pg_catalog.name OR a.schema OPERATOR(pg_catalog.=) ''), reach(origin, oid, " \
    "is_within, is_rule, is_up) AS ( SELECT f.oid, f.oid, false, false, false FROM found f WHERE f.schema " \
    "OPERATOR(pg_catalog.<>) '' UNION SELECT r.origin, e.oid, r.is_within OR e.is_within, r.is_rule OR " \
    "e.is_rule, e.is_up FROM reach r CROSS JOIN LATERAL ( SELECT i.inhparent, false, false, true FROM " \
    "pg_catalog.pg_inherits i WHERE i.inhrelid OPERATOR(pg_catalog.=) r.oid UNION ALL SELECT x.indrelid, false, " \
    "false, true FROM pg_catalog.pg_index x WHERE x.indexrelid OPERATOR(pg_catalog.=) r.oid UNION ALL SELECT " \
    "d.refobjid, false, false, true FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class t ON t.oid " \
    "OPERATOR(pg_catalog.=) d.objid WHERE d.classid OPERATOR(pg_catalog.=) " \
    "'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid OPERATOR(pg_catalog.=) r.oid AND d.refclassid " \
    "OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype OPERATOR(pg_catalog.=) 'i' " \
    "AND t.relkind OPERATOR(pg_catalog.=) 't' UNION ALL SELECT i.inhrelid, false, false, false FROM " \
    "pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) i.inhrelid WHERE " \
    "i.inhparent OPERATOR(pg_catalog.=) r.oid AND NOT r.is_up AND NOT c.relispartition AND c.relkind " \
    "OPERATOR(pg_catalog.=) ANY ('{r,f}'::pg_catalog.\"char\"[]) UNION ALL SELECT d.refobjid, true, w.ev_type " \
    "OPERATOR(pg_catalog.<>) '1', false FROM pg_catalog.pg_rewrite w JOIN pg_catalog.pg_class v ON v.oid " \
    "OPERATOR(pg_catalog.=) w.ev_class JOIN pg_catalog.pg_namespace s ON s.oid OPERATOR(pg_catalog.=) " \
    "v.relnamespace JOIN pg_catalog.pg_depend d ON d.classid OPERATOR(pg_catalog.=) " \
    "'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid OPERATOR(pg_catalog.=) w.oid AND d.refclassid " \
    "OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass JOIN pg_catalog.pg_class c ON c.oid " \
    "OPERATOR(pg_catalog.=) d.refobjid WHERE w.ev_class OPERATOR(pg_catalog.=) r.oid AND NOT r.is_up AND " \
    "d.refobjid OPERATOR(pg_catalog.<>) r.oid AND s.nspname OPERATOR(pg_catalog.<>) ALL " \
    "('{pg_catalog,information_schema}'::pg_catalog.name[]) AND c.relkind OPERATOR(pg_catalog.=) ANY " \
    "('{r,p,v,m,f}'::pg_catalog.\"char\"[]) UNION ALL SELECT t.oid, true, false, false FROM " \
    "pg_catalog.pg_foreign_table f JOIN pg_catalog.pg_foreign_server h ON h.oid OPERATOR(pg_catalog.=) " \
    "f.ftserver JOIN pg_catalog.pg_class o ON o.oid OPERATOR(pg_catalog.=) f.ftrelid JOIN " \
    "pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) o.relnamespace JOIN pg_catalog.pg_class t ON " \
    "t.relname OPERATOR(pg_catalog.=) COALESCE((SELECT x.option_value FROM " \
    "pg_catalog.pg_options_to_table(f.ftoptions) x WHERE x.option_name OPERATOR(pg_catalog.=) " \
    "'table_name')::pg_catalog.name, o.relname) JOIN pg_catalog.pg_namespace s ON s.oid OPERATOR(pg_catalog.=) " \
    "t.relnamespace AND s.nspname OPERATOR(pg_catalog.=) COALESCE((SELECT x.option_value FROM " \
    "pg_catalog.pg_options_to_table(f.ftoptions) x WHERE x.option_name OPERATOR(pg_catalog.=) " \
    "'schema_name')::pg_catalog.name, n.nspname) WHERE f.ftrelid OPERATOR(pg_catalog.=) r.oid AND NOT r.is_up " \
    "AND COALESCE((SELECT x.option_value FROM pg_catalog.pg_options_to_table(h.srvoptions) x WHERE x.option_name " \
    "OPERATOR(pg_catalog.=) 'dbname')::pg_catalog.name, pg_catalog.current_database()) OPERATOR(pg_catalog.=) " \
    "pg_catalog.current_database() ) AS e(oid, is_within, is_rule, is_up)) SELECT 'same name', f.schema, f.name, " \
    "f.space::pg_catalog.text, f.relname::pg_catalog.text, '' FROM found f WHERE f.schema OPERATOR(pg_catalog.=) " \
    "'' UNION ALL SELECT 'relation', f.schema, f.name, s.nspname::pg_catalog.text, c.relname::pg_catalog.text, " \
    "pg_catalog.concat(CASE WHEN r.is_rule THEN 'x' WHEN r.is_within THEN 'w' END, CASE WHEN r.origin " \
    "OPERATOR(pg_catalog.=) r.oid AND c.relkind OPERATOR(pg_catalog.=) 'm' THEN 'm' END, CASE WHEN EXISTS " \
    "(SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid OPERATOR(pg_catalog.=) r.oid AND NOT t.tgisinternal) " \
    "OR EXISTS (SELECT FROM ( SELECT 'pg_catalog.pg_rewrite'::pg_catalog.regclass, w.oid FROM " \
    "pg_catalog.pg_rewrite w WHERE w.ev_class OPERATOR(pg_catalog.=) r.oid UNION ALL SELECT " \
    "'pg_catalog.pg_attrdef'::pg_catalog.regclass, a.oid FROM pg_catalog.pg_attrdef a WHERE a.adrelid " \
    "OPERATOR(pg_catalog.=) r.oid UNION ALL SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid FROM " \
    "pg_catalog.pg_constraint k WHERE k.conrelid OPERATOR(pg_catalog.=) r.oid UNION ALL SELECT " \
    "'pg_catalog.pg_policy'::pg_catalog.regclass, p.oid FROM pg_catalog.pg_policy p WHERE p.polrelid " \
    "OPERATOR(pg_catalog.=) r.oid UNION ALL SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, i.indexrelid FROM " \
    "pg_catalog.pg_index i WHERE i.indrelid OPERATOR(pg_catalog.=) r.oid) o(class, oid) JOIN " \
    "pg_catalog.pg_depend d ON d.classid OPERATOR(pg_catalog.=) o.class AND d.objid OPERATOR(pg_catalog.=) o.oid " \
    "WHERE d.refclassid OPERATOR(pg_catalog.=) ANY " \
    "('{pg_catalog.pg_proc,pg_catalog.pg_operator}'::pg_catalog.regclass[]) AND d.refobjid " \
    "OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid) THEN 'c' END) FROM found f JOIN reach r ON r.origin " \
    "OPERATOR(pg_catalog.=) f.oid JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) r.oid JOIN " \
    "pg_catalog.pg_namespace s ON s.oid OPERATOR(pg_catalog.=) c.relnamespace WHERE f.schema " \
    "OPERATOR(pg_catalog.<>) '' ORDER BY 2, 3, 1"

#endif
