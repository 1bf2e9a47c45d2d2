-- creating view ev_chains
CREATE OR REPLACE VIEW {db}.ev_chains{on_cluster} AS
SELECT *
FROM
(
    SELECT *
    FROM {db}.chains{all}
    WHERE recorded_at >= {period_start:DateTime64(3,'UTC')} AND recorded_at < {period_end:DateTime64(3,'UTC')}
    ORDER BY revision DESC, recorded_at DESC, observed_at DESC
    LIMIT 1 BY tenant_id, chain_id
)
WHERE state != 'superseded' AND chain_id NOT IN
(
    SELECT supersedes
    FROM {db}.chains{all}
    WHERE recorded_at >= {period_start:DateTime64(3,'UTC')} AND recorded_at < {period_end:DateTime64(3,'UTC')} AND supersedes != chain_id
)
