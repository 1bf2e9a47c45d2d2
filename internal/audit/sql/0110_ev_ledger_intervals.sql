-- creating view ev_ledger_intervals
-- The time between each two leaves of a writer that follow each other, and from its
-- last leaf to the end of the period, cut to the period. People, who write now and
-- then, are no writers of this kind.
CREATE OR REPLACE VIEW {db}.ev_ledger_intervals{on_cluster} AS
SELECT
    writer_id,
    greatest(previous_at, {period_start:DateTime64(3,'UTC')}) AS interval_start,
    at AS interval_end,
    dateDiff('millisecond', previous_at, at) / 1000 AS whole_seconds,
    dateDiff('millisecond', greatest(previous_at, {period_start:DateTime64(3,'UTC')}), at) / 1000 AS seconds,
    multiIf(previous_kind = 'stop', 'planned_stop', kind = 'recover', 'crash_recovered', kind = 'genesis', 'state_lost', kind = '', 'no_news', 'unexplained') AS cause
FROM
(
    SELECT
        writer_id, at, kind,
        lagInFrame(toNullable(at)) OVER w AS previous_at,
        lagInFrame(kind) OVER w AS previous_kind
    FROM
    (
        SELECT writer_id, writer_epoch, seq, sealed_at AS at, toString(entry_kind) AS kind
        FROM {db}.ledger_batches{all}
        WHERE sealed_at < {period_end:DateTime64(3,'UTC')}
        LIMIT 1 BY writer_id, writer_epoch, seq
        UNION ALL
        SELECT DISTINCT writer_id, toUInt64(18446744073709551615), toUInt64(0), least({period_end:DateTime64(3,'UTC')}, now64(3, 'UTC')), ''
        FROM {db}.ledger_batches{all}
        WHERE sealed_at < {period_end:DateTime64(3,'UTC')}
    )
    WINDOW w AS (PARTITION BY writer_id ORDER BY at, writer_epoch, seq ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
WHERE previous_at IS NOT NULL AND at > {period_start:DateTime64(3,'UTC')}
    AND writer_id NOT IN (SELECT writer_id FROM {db}.ledger_batches{all} WHERE entry_kind = 'genesis' AND detail['role'] = 'operator')
