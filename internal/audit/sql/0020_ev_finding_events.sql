-- creating view ev_finding_events
CREATE OR REPLACE VIEW {db}.ev_finding_events{on_cluster} AS
SELECT *
FROM {db}.finding_events{all}
WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')}
LIMIT 1 BY tenant_id, finding_id, state, ts
