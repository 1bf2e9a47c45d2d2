-- creating view ev_ledger_intervals from the words of the period and the last before it
-- The time between each two words of a collector that follow each other, and from its
-- last word to the end of the period, or to where another began in its place, cut to
-- the period. Words are leaves that are no batch: a collector says one at every
-- interval. Logs of people, who say nothing unless they act, are left out.
CREATE OR REPLACE VIEW {db}.ev_ledger_intervals{on_cluster} AS
WITH
    least({period_end:DateTime64(3,'UTC')}, now64(3, 'UTC')) AS until,
    (
        SELECT arraySort(groupArray(sealed_at))
        FROM {db}.ledger_batches{all}
        PREWHERE entry_kind = 'genesis'
        WHERE sealed_at < until AND detail['role'] != 'operator'
    ) AS begins
SELECT
    writer_id,
    greatest(previous_at, {period_start:DateTime64(3,'UTC')}) AS interval_start,
    ends_at AS interval_end,
    dateDiff('millisecond', previous_at, ends_at) / 1000 AS whole_seconds,
    dateDiff('millisecond', interval_start, ends_at) / 1000 AS seconds,
    multiIf(
        previous_kind = 'stop' AND kind = '', 'retired', previous_kind = 'stop', 'planned_stop',
        kind = 'recover', 'crash_recovered', kind = 'genesis', 'state_lost',
        kind = '' AND ends_at < until, 'replaced', kind = '', 'no_news', 'unexplained') AS cause,
    previous_allowed AS allowed_seconds
FROM
(
    SELECT
        writer_id, kind, previous_kind, previous_allowed, assumeNotNull(last_at) AS previous_at,
        if(kind = '' AND previous_kind != 'stop', least(at, arrayFirst(t -> t > previous_at, arrayPushBack(begins, at))), at) AS ends_at
    FROM
    (
        SELECT
            writer_id, at, kind,
            lagInFrame(toNullable(at)) OVER w AS last_at,
            lagInFrame(kind) OVER w AS previous_kind,
            lagInFrame(allowed) OVER w AS previous_allowed
        FROM
        (
            SELECT leaf.writer_id AS writer_id, leaf.writer_epoch AS writer_epoch, seq, at, kind, greatest(180, 3 * log.interval_ms / 1000) AS allowed
            FROM
            (
                SELECT writer_id, writer_epoch, seq, sealed_at AS at, toString(entry_kind) AS kind
                FROM {db}.ledger_batches{all}
                PREWHERE sealed_at > {period_start:DateTime64(3,'UTC')} AND entry_kind != 'batch'
                WHERE sealed_at < until
                LIMIT 1 BY writer_id, writer_epoch, seq
                UNION ALL
                -- what a log said last before it, in milliseconds so that the order needs one number
                SELECT writer_id, writer_epoch, argMax(seq, word), max(sealed_at), argMax(toString(entry_kind), word)
                FROM
                (
                    SELECT writer_id, writer_epoch, seq, sealed_at, entry_kind, bitShiftLeft(toUInt128(toUnixTimestamp64Milli(sealed_at)), 64) + seq AS word
                    FROM {db}.ledger_batches{all}
                    PREWHERE entry_kind != 'batch'
                    WHERE sealed_at <= {period_start:DateTime64(3,'UTC')} AND sealed_at < until
                )
                GROUP BY writer_id, writer_epoch
                UNION ALL
                SELECT writer_id, max(writer_epoch), toUInt64(18446744073709551615), until, ''
                FROM {db}.ledger_batches{all}
                PREWHERE entry_kind != 'batch'
                WHERE sealed_at < until
                GROUP BY writer_id
            ) AS leaf
            LEFT JOIN
            (
                SELECT
                    writer_id, writer_epoch,
                    toUInt64OrZero(argMaxIf(detail['interval_ms'], seq, detail['interval_ms'] != '')) AS interval_ms,
                    max(detail['role'] = 'operator') AS people
                FROM {db}.ledger_batches{all}
                PREWHERE entry_kind IN ('genesis', 'config_change')
                WHERE sealed_at < until
                GROUP BY writer_id, writer_epoch
            ) AS log ON leaf.writer_id = log.writer_id AND leaf.writer_epoch = log.writer_epoch
            WHERE log.people = 0
        )
        WINDOW w AS (PARTITION BY writer_id ORDER BY at, writer_epoch, seq ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
    )
    WHERE last_at IS NOT NULL
)
WHERE ends_at > {period_start:DateTime64(3,'UTC')} AND ends_at > previous_at
