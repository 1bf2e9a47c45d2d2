-- creating view ev_unsealed, batch by batch
CREATE OR REPLACE VIEW {db}.ev_unsealed{on_cluster} AS
SELECT table_name, writer_id, writer_epoch, batch_id, rows, first_inserted, last_inserted
FROM
(
    SELECT 'actions' AS table_name, writer_id, writer_epoch, batch_id, count() AS rows, min(inserted_at) AS first_inserted, max(inserted_at) AS last_inserted
    FROM {db}.actions{all}
    WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')}
    GROUP BY writer_id, writer_epoch, batch_id
    UNION ALL
    SELECT 'attributions' AS table_name, writer_id, writer_epoch, batch_id, count() AS rows, min(inserted_at) AS first_inserted, max(inserted_at) AS last_inserted
    FROM {db}.attributions{all}
    WHERE settled_ts >= {period_start:DateTime64(3,'UTC')} AND settled_ts < {period_end:DateTime64(3,'UTC')}
    GROUP BY writer_id, writer_epoch, batch_id
    UNION ALL
    SELECT 'finding_events' AS table_name, writer_id, writer_epoch, batch_id, count() AS rows, min(inserted_at) AS first_inserted, max(inserted_at) AS last_inserted
    FROM {db}.finding_events{all}
    WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')}
    GROUP BY writer_id, writer_epoch, batch_id
    UNION ALL
    SELECT 'config_versions' AS table_name, writer_id, writer_epoch, batch_id, count() AS rows, min(inserted_at) AS first_inserted, max(inserted_at) AS last_inserted
    FROM {db}.config_versions{all}
    WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')}
    GROUP BY writer_id, writer_epoch, batch_id
    UNION ALL
    SELECT 'runs' AS table_name, writer_id, writer_epoch, batch_id, count() AS rows, min(inserted_at) AS first_inserted, max(inserted_at) AS last_inserted
    FROM {db}.runs{all}
    WHERE recorded_at >= {period_start:DateTime64(3,'UTC')} AND recorded_at < {period_end:DateTime64(3,'UTC')}
    GROUP BY writer_id, writer_epoch, batch_id
    UNION ALL
    SELECT 'delegations' AS table_name, writer_id, writer_epoch, batch_id, count() AS rows, min(inserted_at) AS first_inserted, max(inserted_at) AS last_inserted
    FROM {db}.delegations{all}
    WHERE recorded_at >= {period_start:DateTime64(3,'UTC')} AND recorded_at < {period_end:DateTime64(3,'UTC')}
    GROUP BY writer_id, writer_epoch, batch_id
    UNION ALL
    SELECT 'chains' AS table_name, writer_id, writer_epoch, batch_id, count() AS rows, min(inserted_at) AS first_inserted, max(inserted_at) AS last_inserted
    FROM {db}.chains{all}
    WHERE recorded_at >= {period_start:DateTime64(3,'UTC')} AND recorded_at < {period_end:DateTime64(3,'UTC')}
    GROUP BY writer_id, writer_epoch, batch_id
    UNION ALL
    SELECT 'legal_holds' AS table_name, writer_id, writer_epoch, batch_id, count() AS rows, min(inserted_at) AS first_inserted, max(inserted_at) AS last_inserted
    FROM {db}.legal_holds{all}
    WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')}
    GROUP BY writer_id, writer_epoch, batch_id
    UNION ALL
    SELECT 'retention_events' AS table_name, writer_id, writer_epoch, batch_id, count() AS rows, min(inserted_at) AS first_inserted, max(inserted_at) AS last_inserted
    FROM {db}.retention_events{all}
    WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')}
    GROUP BY writer_id, writer_epoch, batch_id
)
-- a row is sealed at the earliest when it happened, but for clocks that differ
WHERE (table_name, writer_id, writer_epoch, batch_id) NOT IN
(
    SELECT toString(table_name), writer_id, writer_epoch, batch_id
    FROM {db}.ledger_batches{all}
    WHERE entry_kind = 'batch' AND sealed_at >= {period_start:DateTime64(3,'UTC')} - INTERVAL 2 DAY
)
