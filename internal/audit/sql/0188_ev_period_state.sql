-- creating view ev_period_state with collectors that come and go
-- One row: for how much of the period it was watched, and what of it nobody vouches
-- for. It is watched while a collector is there and none is missing (ev_watch). The
-- time before the first was not watched, and what is still to come does not count.
-- Where no collector ever sealed anything it is not known: coverage_pct is NULL.
CREATE OR REPLACE VIEW {db}.ev_period_state{on_cluster} AS
WITH
(
    SELECT tuple(count() > 0, uniqExactIf(writer_id, sealed_at >= {period_start:DateTime64(3,'UTC')}))
    FROM {db}.ledger_batches{all}
    PREWHERE entry_kind != 'batch'
    WHERE sealed_at < {period_end:DateTime64(3,'UTC')} AND (writer_id, writer_epoch) NOT IN
    (
        SELECT writer_id, writer_epoch
        FROM {db}.ledger_batches{all}
        PREWHERE entry_kind = 'genesis'
        WHERE detail['role'] = 'operator'
    )
) AS collectors
SELECT
    collectors.2 AS writers,
    w.expected / 60 AS minutes_expected,
    w.watched / 60 AS minutes_seen,
    -- a month that was watched but for a second was not watched whole
    if(w.expected > 0 AND collectors.1, floor(100 * w.watched / w.expected, 3), NULL) AS coverage_pct,
    u.unsealed AS unsealed_rows,
    toUInt64(a.stored - a.distinct) AS redelivered,
    a.stored AS actions_stored,
    a.distinct AS actions
FROM
(
    SELECT sum(seconds) AS expected, sumIf(seconds, collectors > 0 AND missing = 0) AS watched
    FROM {db}.ev_watch(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
) AS w
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
