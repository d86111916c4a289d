-- Schemas that hold tables of these names, whether or not they are in the search_path.
select n.nspname::text, has_schema_privilege(n.oid, 'USAGE'), count(*)
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relname = any($1::text[]) and c.relkind in ('r', 'p', 'v', 'm', 'f')
group by 1, 2
order by 3 desc, 1
