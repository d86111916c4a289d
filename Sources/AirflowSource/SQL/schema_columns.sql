-- The columns of the tables in $1, as this role's search_path finds them. Reads only the catalog, so that a table
-- that is missing differs from one that may not be read.
select w.name,
       n.nspname::text,
       has_schema_privilege(n.oid, 'USAGE') and has_table_privilege(c.oid, 'SELECT'),
       c.relkind in ('r', 'p', 'v'),
       a.attname::text,
       t.typname::text
from unnest($1::text[]) as w(name)
left join pg_class c on c.oid = to_regclass(quote_ident(w.name))::oid
left join pg_namespace n on n.oid = c.relnamespace
left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join pg_type t on t.oid = a.atttypid
