-- creating view ev_ledger_gaps
CREATE OR REPLACE VIEW {db}.ev_ledger_gaps{on_cluster} AS
SELECT writer_id, writer_epoch, toUInt64(previous + 1) AS missing_from, toUInt64(seq - 1) AS missing_to, previous_at, sealed_at
FROM
(
    SELECT
        writer_id, writer_epoch, seq, sealed_at,
        lagInFrame(toInt64(seq), 1, -1) OVER w AS previous,
        lagInFrame(toNullable(sealed_at)) OVER w AS previous_at
    FROM (SELECT writer_id, writer_epoch, seq, min(sealed_at) AS sealed_at FROM {db}.ledger_batches{all} GROUP BY writer_id, writer_epoch, seq)
    WINDOW w AS (PARTITION BY writer_id, writer_epoch ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
WHERE toInt64(seq) > previous + 1
