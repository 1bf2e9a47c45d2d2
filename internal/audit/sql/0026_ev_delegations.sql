-- creating view ev_delegations
CREATE OR REPLACE VIEW {db}.ev_delegations{on_cluster} AS
SELECT *
FROM
(
    SELECT *
    FROM {db}.delegations{all}
    WHERE recorded_at >= {period_start:DateTime64(3,'UTC')} AND recorded_at < {period_end:DateTime64(3,'UTC')}
    ORDER BY revision DESC, recorded_at DESC, observed_at DESC
    LIMIT 1 BY tenant_id, edge_id
)
WHERE edge_id NOT IN
(
    SELECT supersedes
    FROM {db}.delegations{all}
    WHERE recorded_at >= {period_start:DateTime64(3,'UTC')} AND recorded_at < {period_end:DateTime64(3,'UTC')} AND supersedes != edge_id
)
