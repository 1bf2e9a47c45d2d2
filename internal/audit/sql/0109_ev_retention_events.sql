-- creating view ev_retention_events
CREATE OR REPLACE VIEW {db}.ev_retention_events{on_cluster} AS
SELECT *
FROM {db}.retention_events{all}
WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')}
LIMIT 1 BY event_id
