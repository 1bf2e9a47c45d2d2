-- id: completeness
-- question: What became of everything that was received, by writer and day?
-- controls: CC2.1 PI1.2 PI1.5 A.8.15
-- empty: No collector sealed anything in the period: what was received is not known.
SELECT
    toDate(sealed_at) AS day, writer_id AS writer, writer_epoch AS epoch,
    sum(spans_received) AS received, sum(spans_written) AS written, sum(spans_filtered) AS filtered, sum(spans_refused) AS refused,
    toInt64(received) - toInt64(written) - toInt64(filtered) - toInt64(refused) AS unaccounted,
    countIf(entry_kind = 'batch') AS batches, sum(rows) AS rows_sealed, sumIf(rows, table_name = 'actions') AS actions_sealed
FROM ev_ledger(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
GROUP BY day, writer, epoch
ORDER BY day, writer, epoch
