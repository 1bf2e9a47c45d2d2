-- creating view ev_coverage
CREATE OR REPLACE VIEW {db}.ev_coverage{on_cluster} AS
SELECT 'actions' AS source, count() AS stored, uniqExact(tenant_id, action_id) AS records, minOrNull(ts) AS first_ts, maxOrNull(ts) AS last_ts
FROM {db}.actions{all}
WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')}
UNION ALL
SELECT 'finding_events', count(), uniqExact(tenant_id, finding_id, state, ts), minOrNull(ts), maxOrNull(ts)
FROM {db}.finding_events{all}
WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')}
UNION ALL
SELECT 'config_versions', count(), uniqExact(tenant_id, finding_id, ts), minOrNull(ts), maxOrNull(ts)
FROM {db}.config_versions{all}
WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')}
UNION ALL
SELECT 'runs', count(), uniqExact(tenant_id, run_id, revision), minOrNull(recorded_at), maxOrNull(recorded_at)
FROM {db}.runs{all}
WHERE recorded_at >= {period_start:DateTime64(3,'UTC')} AND recorded_at < {period_end:DateTime64(3,'UTC')}
UNION ALL
SELECT 'delegations', count(), uniqExact(tenant_id, edge_id, revision), minOrNull(recorded_at), maxOrNull(recorded_at)
FROM {db}.delegations{all}
WHERE recorded_at >= {period_start:DateTime64(3,'UTC')} AND recorded_at < {period_end:DateTime64(3,'UTC')}
UNION ALL
SELECT 'chains', count(), uniqExact(tenant_id, chain_id, revision), minOrNull(recorded_at), maxOrNull(recorded_at)
FROM {db}.chains{all}
WHERE recorded_at >= {period_start:DateTime64(3,'UTC')} AND recorded_at < {period_end:DateTime64(3,'UTC')}
