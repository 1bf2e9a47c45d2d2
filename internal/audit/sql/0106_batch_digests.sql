-- creating view batch_digests
CREATE OR REPLACE VIEW {db}.batch_digests{on_cluster} AS
SELECT
    table_name, writer_id, writer_epoch, batch_id,
    uniqExact(row_ix) AS batch_rows, count() - uniqExact(row_ix, row_hash) AS redelivered,
    hex(SHA256(concat(unhex('02'), arrayStringConcat(arrayMap(x -> x.2, arraySort(groupUniqArray((row_ix, row_hash)))))))) AS batch_digest,
    min(row_time) AS first_ts, max(row_time) AS last_ts, min(inserted_at) AS first_inserted
FROM
(
    SELECT 'actions' AS table_name, writer_id, writer_epoch, batch_id, row_ix, row_time, inserted_at, row_hash FROM {db}.row_hashes_actions
    UNION ALL
    SELECT 'attributions' AS table_name, writer_id, writer_epoch, batch_id, row_ix, row_time, inserted_at, row_hash FROM {db}.row_hashes_attributions
    UNION ALL
    SELECT 'finding_events' AS table_name, writer_id, writer_epoch, batch_id, row_ix, row_time, inserted_at, row_hash FROM {db}.row_hashes_finding_events
    UNION ALL
    SELECT 'config_versions' AS table_name, writer_id, writer_epoch, batch_id, row_ix, row_time, inserted_at, row_hash FROM {db}.row_hashes_config_versions
    UNION ALL
    SELECT 'runs' AS table_name, writer_id, writer_epoch, batch_id, row_ix, row_time, inserted_at, row_hash FROM {db}.row_hashes_runs
    UNION ALL
    SELECT 'delegations' AS table_name, writer_id, writer_epoch, batch_id, row_ix, row_time, inserted_at, row_hash FROM {db}.row_hashes_delegations
    UNION ALL
    SELECT 'chains' AS table_name, writer_id, writer_epoch, batch_id, row_ix, row_time, inserted_at, row_hash FROM {db}.row_hashes_chains
    UNION ALL
    SELECT 'legal_holds' AS table_name, writer_id, writer_epoch, batch_id, row_ix, row_time, inserted_at, row_hash FROM {db}.row_hashes_legal_holds
    UNION ALL
    SELECT 'retention_events' AS table_name, writer_id, writer_epoch, batch_id, row_ix, row_time, inserted_at, row_hash FROM {db}.row_hashes_retention_events
)
GROUP BY table_name, writer_id, writer_epoch, batch_id
