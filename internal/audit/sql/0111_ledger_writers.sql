-- creating view ledger_writers
-- What collectors sealed about themselves: start (a new log), recover, stop,
-- config_change, key_rotation. Settings hold until another leaf tells others. Logs of
-- people are left out.
CREATE OR REPLACE VIEW {db}.ledger_writers{on_cluster} AS
SELECT
    writer_id, writer_epoch, seq, if(entry_kind = 'genesis', 'start', toString(entry_kind)) AS event, sealed_at AS ts,
    argMaxIf(detail['vkey'], seq, detail['vkey'] != '') OVER sofar AS vkey,
    replaceRegexpOne(writer_id, '-[0-9a-f]+$', '') AS host,
    argMaxIf(detail['build'], seq, detail['build'] != '') OVER sofar AS build,
    argMaxIf(detail['config_digest'], seq, detail['config_digest'] != '') OVER sofar AS config_digest,
    argMaxIf(detail['started_by'], seq, detail['started_by'] != '') OVER sofar AS started_by,
    detail, note AS signed_note
FROM
(
    SELECT writer_id, writer_epoch, seq, entry_kind, sealed_at, detail, note
    FROM {db}.ledger_batches{all}
    WHERE entry_kind IN ('genesis', 'recover', 'stop', 'config_change', 'key_rotation')
    LIMIT 1 BY writer_id, writer_epoch, seq, leaf_hash
)
WHERE writer_id NOT IN (SELECT writer_id FROM {db}.ledger_batches{all} WHERE entry_kind = 'genesis' AND detail['role'] = 'operator')
WINDOW sofar AS (PARTITION BY writer_id, writer_epoch ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
