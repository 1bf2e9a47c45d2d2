-- creating view ev_decisions
CREATE OR REPLACE VIEW {db}.ev_decisions{on_cluster} AS
SELECT *
FROM {db}.decisions
WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')}
LIMIT 1 BY tenant_id, action_id
