-- creating view ev_period_state
-- One row: for how much of the period collectors were there, and what of it nobody
-- vouches for. The time before the first word of a collector counts as not watched.
CREATE OR REPLACE VIEW {db}.ev_period_state{on_cluster} AS
SELECT
    i.writers AS writers,
    dateDiff('millisecond', {period_start:DateTime64(3,'UTC')}, least({period_end:DateTime64(3,'UTC')}, now64(3, 'UTC'))) / 60000 AS minutes_expected,
    i.seen AS minutes_seen,
    if(i.writers = 0 OR minutes_expected <= 0, NULL, round(least(100, 100 * minutes_seen / minutes_expected), 3)) AS coverage_pct,
    u.unsealed AS unsealed_rows,
    toUInt64(a.stored - a.distinct) AS redelivered,
    a.stored AS actions_stored,
    a.distinct AS actions
FROM
(
    -- of several collectors the one that was there least counts
    SELECT count() AS writers, if(count() = 0, 0, min(seen)) AS seen
    FROM
    (
        SELECT writer_id, sumIf(seconds, whole_seconds <= 180) / 60 AS seen
        FROM {db}.ev_ledger_intervals(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
        GROUP BY writer_id
    )
) AS i
CROSS JOIN
(
    SELECT sum(rows) AS unsealed
    FROM {db}.ev_unsealed(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
) AS u
CROSS JOIN
(
    SELECT count() AS stored, uniqExact(tenant_id, action_id) AS distinct
    FROM {db}.actions{all}
    WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')}
) AS a
