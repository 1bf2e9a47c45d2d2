-- creating view ev_runs
CREATE OR REPLACE VIEW {db}.ev_runs{on_cluster} AS
SELECT *
FROM
(
    SELECT *
    FROM {db}.runs{all}
    WHERE recorded_at >= {period_start:DateTime64(3,'UTC')} AND recorded_at < {period_end:DateTime64(3,'UTC')}
    ORDER BY revision DESC, recorded_at DESC, observed_at DESC
    LIMIT 1 BY tenant_id, run_id
)
WHERE run_id NOT IN
(
    SELECT supersedes
    FROM {db}.runs{all}
    WHERE recorded_at >= {period_start:DateTime64(3,'UTC')} AND recorded_at < {period_end:DateTime64(3,'UTC')} AND supersedes != run_id
)
