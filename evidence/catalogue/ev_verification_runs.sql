-- id: ev_verification_runs
-- number: 9
-- section: A
-- question: Was integrity checked, by whom, and with what result?
-- controls: CC4.1 17a-4(f)
-- shows: records
-- column: run_id # of the run
-- column: ts # when it ended
-- column: by # who ran it
-- column: scope_from # start of what was checked
-- column: scope_to # end of it
-- column: batches # that were compared
-- column: rows # in them
-- column: missing # leaves and rows that were not there
-- column: mismatch # batches that are not as they were sealed, and anchors that contradict
-- column: result # ok, tampered, incomplete or could not check
-- column: report_digest # SHA-256 of the report, hex
-- column: tool_version # of the program that checked
-- not_observed: No collector was there in the period, and nobody checked.
-- zero: Collectors were there, and nobody checked what they sealed.
SELECT
    run_id, ts, by_principal AS by, scope_from, scope_to, batches, rows, missing_seq + missing_rows AS missing,
    digest_mismatch + anchor_mismatch AS mismatch, toString(result) AS result, lower(hex(SHA256(report))) AS report_digest, toString(tool_version) AS tool_version
FROM {db}.ledger_verifications{all}
WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')}
ORDER BY ts, run_id
LIMIT 1 BY run_id
