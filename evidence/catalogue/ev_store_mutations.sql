-- id: ev_store_mutations
-- number: 13
-- section: A
-- question: Who altered evidence tables?
-- controls: CC6.1 CC7.1 CC8.1 A.5.33 17a-4(f)
-- shows: records
-- column: database # of the table
-- column: table # that was altered
-- column: command # what was done; UPDATE and DELETE change rows, a lightweight DELETE shows as an UPDATE of _row_exists
-- column: created # when it was asked for
-- column: user # who asked, empty where the server keeps no query log
-- column: query_id # of the query, empty where the server keeps no query log
-- column: is_done # 1: it is done; 0: it goes on or failed
-- column: sealed # 1: rows of the table are sealed or are the seal; 0: they are not (content may be erased)
-- not_observed: No collector ever sealed anything.
-- zero: The server remembers nobody who altered a table of the store. It forgets finished mutations (100 a table) and queries after a time, and one without a query log does not know of TRUNCATE and DROP; what was lost by them shows in ev_digest_mismatch and ev_sequence_gaps.
WITH
(
    SELECT groupArray(tuple(event_time_microseconds, arrayMap(t -> toString(t), tables), query_id, toString(user), query))
    FROM
    (
        SELECT *
        FROM merge(REGEXP('^(system|{db_pattern})$'), '^(query_log|access_log)$')
        WHERE toString(type) = 'QueryFinish' AND toString(query_kind) IN ('Alter', 'Delete', 'Drop', 'Rename', 'Truncate', 'Undrop', 'Update')
            AND arrayExists(t -> startsWith(t, concat({db_name}, '.')), tables)
            -- how a view or a column came to be is in schema_migrations
            AND NOT match(query, '(?i)^\\s*ALTER\\s+TABLE\\s+\\S+\\s+(ADD|COMMENT)\\s')
        ORDER BY event_time_microseconds, query_id
        LIMIT 1 BY query_id
    )
) AS queries,
mutations AS
(
    SELECT
        database, table, command, create_time, is_done,
        arrayFirst(q -> q.1 BETWEEN create_time AND create_time + INTERVAL 1 HOUR AND has(q.2, concat(database, '.', table)), queries) AS by_query
    FROM system.mutations
    WHERE database = {db_name}
)
SELECT
    database, table, command, created, user, query_id, is_done,
    toUInt8(table NOT IN ('access_log', 'content', 'content_all', 'control_catalogue', 'schema_migrations')) AS sealed
FROM
(
    SELECT database, table, command, create_time AS created, by_query.4 AS user, by_query.3 AS query_id, is_done
    FROM mutations
    UNION ALL
    SELECT
        {db_name}, substring(arrayJoin(arrayFilter(t -> startsWith(t, concat({db_name}, '.')), q.2)), length({db_name}) + 2),
        q.5, toDateTime(q.1), q.4, q.3, 1
    FROM (SELECT arrayJoin(queries) AS q)
    WHERE q.3 NOT IN (SELECT by_query.3 FROM mutations)
)
ORDER BY table, created, command, query_id
