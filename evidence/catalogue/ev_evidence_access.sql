-- id: ev_evidence_access
-- number: 14
-- section: A
-- question: Who read the evidence in the period?
-- controls: CC6.1 C1.1 A.8.15 A.8.34
-- shows: records
-- column: at # UTC
-- column: user # account of the store
-- column: run_by # who said that they ask, empty of SQL by hand
-- column: role # roles of the account, empty where the query log does not tell
-- column: query_kind # evidence run or evidence pack of the command line, else the kind that the query log names
-- column: view # questions, views and tables that were read
-- column: params # parameters of a question, empty of SQL by hand
-- column: rows # of the answer
-- column: query_digest # SHA-256 of the statement
-- column: source # evidence_runs, or query_log
-- watched: SELECT (SELECT count() FROM {db}.evidence_runs{all}) + (SELECT sources FROM {db}.query_log_sources)
-- not_observed: Nothing records who reads: the server keeps no query log (the embedded engine has none), and no export through the command line was ever recorded.
-- zero: Reading is recorded, and nobody read in the period.
SELECT at, user, run_by, role, query_kind, view, params, rows, query_digest, source
FROM
(
    SELECT
        run_at AS at, toString(store_user) AS user, toString(run_by) AS run_by, arrayMap(r -> toString(r), store_roles) AS role,
        concat('evidence ', kind) AS query_kind, if(view = '', [], [toString(view)]) AS view, CAST(params AS Map(String, String)) AS params, rows,
        sql_digest AS query_digest, 'evidence_runs' AS source, run_id AS id
    FROM {db}.evidence_runs{all}
    WHERE run_at >= {period_start:DateTime64(3,'UTC')} AND run_at < {period_end:DateTime64(3,'UTC')}
    LIMIT 1 BY run_id
    UNION ALL
    SELECT
        at, user, '' AS run_by, CAST([] AS Array(String)) AS role, query_kind, view, CAST(map() AS Map(String, String)) AS params, rows, query_digest,
        'query_log' AS source, query_id AS id
    FROM {db}.ev_query_log(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
)
ORDER BY at, source, id
