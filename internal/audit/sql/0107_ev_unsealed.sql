-- creating view ev_unsealed
CREATE OR REPLACE VIEW {db}.ev_unsealed{on_cluster} AS
SELECT table_name, writer_id, writer_epoch, batch_id, count() AS rows, min(inserted_at) AS first_inserted, max(inserted_at) AS last_inserted
FROM
(
    SELECT 'actions' AS table_name, writer_id, writer_epoch, batch_id, inserted_at
    FROM {db}.actions{all}
    WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')}
    UNION ALL
    SELECT 'attributions' AS table_name, writer_id, writer_epoch, batch_id, inserted_at
    FROM {db}.attributions{all}
    WHERE settled_ts >= {period_start:DateTime64(3,'UTC')} AND settled_ts < {period_end:DateTime64(3,'UTC')}
    UNION ALL
    SELECT 'finding_events' AS table_name, writer_id, writer_epoch, batch_id, inserted_at
    FROM {db}.finding_events{all}
    WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')}
    UNION ALL
    SELECT 'config_versions' AS table_name, writer_id, writer_epoch, batch_id, inserted_at
    FROM {db}.config_versions{all}
    WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')}
    UNION ALL
    SELECT 'runs' AS table_name, writer_id, writer_epoch, batch_id, inserted_at
    FROM {db}.runs{all}
    WHERE recorded_at >= {period_start:DateTime64(3,'UTC')} AND recorded_at < {period_end:DateTime64(3,'UTC')}
    UNION ALL
    SELECT 'delegations' AS table_name, writer_id, writer_epoch, batch_id, inserted_at
    FROM {db}.delegations{all}
    WHERE recorded_at >= {period_start:DateTime64(3,'UTC')} AND recorded_at < {period_end:DateTime64(3,'UTC')}
    UNION ALL
    SELECT 'chains' AS table_name, writer_id, writer_epoch, batch_id, inserted_at
    FROM {db}.chains{all}
    WHERE recorded_at >= {period_start:DateTime64(3,'UTC')} AND recorded_at < {period_end:DateTime64(3,'UTC')}
    UNION ALL
    SELECT 'legal_holds' AS table_name, writer_id, writer_epoch, batch_id, inserted_at
    FROM {db}.legal_holds{all}
    WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')}
    UNION ALL
    SELECT 'retention_events' AS table_name, writer_id, writer_epoch, batch_id, inserted_at
    FROM {db}.retention_events{all}
    WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')}
)
WHERE (table_name, writer_id, writer_epoch, batch_id) NOT IN
    (SELECT toString(table_name), writer_id, writer_epoch, batch_id FROM {db}.ledger_batches{all} WHERE entry_kind = 'batch')
GROUP BY table_name, writer_id, writer_epoch, batch_id
