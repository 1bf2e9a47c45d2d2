-- creating view ev_config_versions
CREATE OR REPLACE VIEW {db}.ev_config_versions{on_cluster} AS
SELECT *
FROM {db}.config_versions{all}
WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')}
LIMIT 1 BY tenant_id, finding_id, ts
