-- id: ev_ipe_manifest
-- number: 12
-- section: A
-- question: How was each export of this evidence produced, by whom, from which state of the ledger?
-- controls: CC2.1 A.5.28
-- shows: records
-- column: run_id # of the run; a question in a pack has a run of its own
-- column: kind # run of one question, or pack
-- column: pack_id # of the pack it belongs to, empty of a single run
-- column: view # question that was asked, empty of a pack as a whole
-- column: asked_version # of the question that was asked
-- column: sql_digest # SHA-256 of the statement
-- column: params # parameters it was asked with
-- column: database # it was asked in
-- column: server # version of the server that answered
-- column: tz # time zone of all times
-- column: tool_version # of the command line, empty where the build has none
-- column: run_by # who said that they ask
-- column: run_at # UTC
-- column: rows # of the answer; of a pack, files
-- column: result_digest # SHA-256 of the answer's canonical rows; of a pack, of its SHA256SUMS
-- column: state # of the answer
-- column: checkpoint # newest signed checkpoint of each writer at that time: log, size, root, digest of the signed note
-- not_observed: No collector was there, and no export is on record.
-- zero: No export through the command line is on record. What was asked in SQL by hand is in ev_evidence_access, where the server keeps a query log.
SELECT
    run_id, kind, pack_id, view, view_version AS asked_version, sql_digest, params, database, server_version AS server, time_zone AS tz, tool_version, run_by, run_at, rows,
    result_digest, state,
    arrayMap((log, size, root, digest) -> concat(log, ' size ', toString(size), ' root ', root, ' note sha256:', digest),
        checkpoint_logs, checkpoint_sizes, checkpoint_roots, checkpoint_digests) AS checkpoint
FROM {db}.evidence_runs{all}
ORDER BY run_at, pack_id, view, run_id
LIMIT 1 BY run_id
