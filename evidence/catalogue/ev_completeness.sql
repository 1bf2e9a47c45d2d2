-- id: ev_completeness
-- number: 2
-- section: A
-- question: Does what is stored tie out to what was received?
-- controls: CC2.1 PI1.2 PI1.5 17a-4(f)
-- shows: records
-- column: writer # collector
-- column: epoch # which of its logs: when it began, ms since 1970
-- column: day # UTC, by heartbeats
-- column: signal # spans, or records (findings and versions of configuration, which are log records)
-- column: received # by its receivers, also what they then refused; empty where the collector's own metrics could not be read
-- column: made_inside # by the collector itself: late judgements on settle spans, findings as log records, copies that a processor adds; empty as above
-- column: refused # before the audit exporter took it, and the sender was told: memory limiter, full queue; empty as above
-- column: filtered # taken out by a processor; empty as above
-- column: exported # acknowledged by the store
-- column: no_row # acknowledged, and makes no row of its own (settle spans)
-- column: dead_lettered # put aside, because the store will never take it
-- column: gave_up # dropped after all retries; none where retry_on_failure has no limit; empty as above
-- column: queued # entered the exporter's queue on the day and did not leave it; below 0 made up for what entered before, or before a crash
-- column: sealed # rows of the day's batches that signed leaves vouch for: actions of spans, finding events of records
-- column: unaccounted # received and made inside, less all of the above: lost (or, below 0, from nowhere). Empty where it is not known: no metrics, or a crash
-- column: crashes # processes that ended without a last word on the day: what they took after their last heartbeat is not in these figures, only in sealed
-- watched: SELECT count() FROM {db}.heartbeats WHERE at >= {period_start:DateTime64(3,'UTC')} AND at < {period_end:DateTime64(3,'UTC')}
-- not_observed: No collector said in the period what went through it.
-- zero: The period has no day in it.
WITH
beats AS
(
    SELECT
        writer_id, writer_epoch, life, if(at < {period_start:DateTime64(3,'UTC')}, toDate(0), toDate(at)) AS day,
        max(at) AS last_at, max(stopped) AS stopped,
        argMax(tuple(
            tuple('spans', spans_received, spans_inside, spans_added, spans_refused, spans_filtered, spans_written, spans_no_row, spans_dead, spans_gave_up, spans_entered, spans_unaccounted),
            tuple('records', records_received, records_inside, records_added, records_refused, records_filtered, records_written, records_no_row, records_dead, records_gave_up, records_entered, records_unaccounted)
        ), (at, last_seq)) AS figures
    FROM {db}.heartbeats
    WHERE at < {period_end:DateTime64(3,'UTC')}
    GROUP BY writer_id, writer_epoch, life, day
),
-- a life ended without a word where it neither stopped nor is the newest of its collector and heard of
lives AS
(
    SELECT
        writer_id, life, max(last_at) AS last_at, max(stopped) = 0 AS open,
        last_at < max(last_at) OVER (PARTITION BY writer_id) OR last_at < least({period_end:DateTime64(3,'UTC')}, now64(3, 'UTC')) - INTERVAL 1 HOUR AS over
    FROM beats
    GROUP BY writer_id, life
),
days AS
(
    SELECT
        writer_id, writer_epoch, life, day, last_at, f.1 AS signal,
        f.2 - lagInFrame(f.2, 1, toNullable(toUInt64(0))) OVER w AS received,
        f.3 - lagInFrame(f.3) OVER w + f.4 - lagInFrame(f.4, 1, toNullable(toUInt64(0))) OVER w AS made_inside,
        f.5 - lagInFrame(f.5, 1, toNullable(toUInt64(0))) OVER w AS refused,
        f.6 - lagInFrame(f.6, 1, toNullable(toUInt64(0))) OVER w AS filtered,
        f.7 - lagInFrame(f.7) OVER w AS exported,
        f.8 - lagInFrame(f.8) OVER w AS no_row,
        f.9 - lagInFrame(f.9) OVER w AS dead_lettered,
        f.10 - lagInFrame(f.10, 1, toNullable(toUInt64(0))) OVER w AS gave_up,
        f.11 - lagInFrame(f.11) OVER w AS entered,
        f.12 - lagInFrame(f.12, 1, toNullable(toInt64(0))) OVER w AS unaccounted
    FROM (SELECT *, arrayJoin([figures.1, figures.2]) AS f FROM beats)
    WINDOW w AS (PARTITION BY writer_id, writer_epoch, life, f.1 ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
SELECT
    toString(d.writer_id) AS writer, d.writer_epoch AS epoch, d.day AS day, d.signal AS signal,
    if(count() = count(d.received), sum(d.received), NULL) AS received,
    if(count() = count(d.made_inside), sum(d.made_inside), NULL) AS made_inside,
    if(count() = count(d.refused), sum(d.refused), NULL) AS refused,
    if(count() = count(d.filtered), sum(d.filtered), NULL) AS filtered,
    sum(d.exported) AS exported, sum(d.no_row) AS no_row, sum(d.dead_lettered) AS dead_lettered,
    if(count() = count(d.gave_up), sum(d.gave_up), NULL) AS gave_up,
    sum(d.entered) - exported - no_row - dead_lettered - ifNull(gave_up, 0) AS queued,
    any(s.sealed) AS sealed,
    if(count() = count(d.unaccounted) AND crashes = 0, sum(d.unaccounted), NULL) AS unaccounted,
    greatest(countIf(l.open AND l.over AND l.last_at = d.last_at), any(r.recovered)) AS crashes
FROM days AS d
LEFT JOIN lives AS l ON d.writer_id = l.writer_id AND d.life = l.life
LEFT JOIN
(
    SELECT writer_id, writer_epoch, toDate(sealed_at) AS day, if(table_name = 'actions', 'spans', 'records') AS signal, sum(rows) AS sealed
    FROM {db}.ev_ledger(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE entry_kind = 'batch' AND table_name IN ('actions', 'finding_events')
    GROUP BY writer_id, writer_epoch, day, signal
) AS s ON d.writer_id = s.writer_id AND d.writer_epoch = s.writer_epoch AND d.day = s.day AND d.signal = s.signal
LEFT JOIN
(
    SELECT writer_id, writer_epoch, toDate(sealed_at) AS day, count() AS recovered
    FROM {db}.ev_ledger(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE entry_kind = 'recover'
    GROUP BY writer_id, writer_epoch, day
) AS r ON d.writer_id = r.writer_id AND d.writer_epoch = r.writer_epoch AND d.day = r.day
WHERE d.day >= toDate({period_start:DateTime64(3,'UTC')})
GROUP BY writer, epoch, day, signal
ORDER BY day, writer, epoch, signal DESC
