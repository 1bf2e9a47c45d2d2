-- creating view heartbeats
-- What each heartbeat, and the last word before a stop, says of what went through its
-- collector. It is read from the signed leaves, so there is no second copy that could
-- say something else. Figures are since the process began, which "life" names: the
-- newest of a life is its sum, and none is lost where one is missing.
CREATE OR REPLACE VIEW {db}.heartbeats{on_cluster} AS
SELECT
    writer_id, writer_epoch, seq AS last_seq, sealed_at AS at, toStartOfMinute(sealed_at) AS minute, CAST(entry_kind AS String) = 'stop' AS stopped,
    detail['life'] AS life,
    -- ok, off, unreachable, other_collector: what the collector's own metrics answered
    detail['metrics'] AS metrics,
    metrics = 'ok' AS known,
    if(known, toUInt64OrZero(detail['spans_received']), NULL) AS spans_received,
    toUInt64OrZero(detail['spans_inside']) AS spans_inside,
    if(known, toUInt64OrZero(detail['spans_added']), NULL) AS spans_added,
    if(known, toUInt64OrZero(detail['spans_refused']), NULL) AS spans_refused,
    if(known, toUInt64OrZero(detail['spans_filtered']), NULL) AS spans_filtered,
    toUInt64OrZero(detail['spans_entered']) AS spans_entered,
    toUInt64OrZero(detail['spans_written']) AS spans_written,
    toUInt64OrZero(detail['spans_no_row']) AS spans_no_row,
    toUInt64OrZero(detail['spans_dead']) AS spans_dead,
    if(known, toUInt64OrZero(detail['spans_gave_up']), NULL) AS spans_gave_up,
    if(known, toInt64OrZero(detail['spans_unaccounted']), NULL) AS spans_unaccounted,
    if(known, toUInt64OrZero(detail['records_received']), NULL) AS records_received,
    toUInt64OrZero(detail['records_inside']) AS records_inside,
    if(known, toUInt64OrZero(detail['records_added']), NULL) AS records_added,
    if(known, toUInt64OrZero(detail['records_refused']), NULL) AS records_refused,
    if(known, toUInt64OrZero(detail['records_filtered']), NULL) AS records_filtered,
    toUInt64OrZero(detail['records_entered']) AS records_entered,
    toUInt64OrZero(detail['records_written']) AS records_written,
    toUInt64OrZero(detail['records_no_row']) AS records_no_row,
    toUInt64OrZero(detail['records_dead']) AS records_dead,
    if(known, toUInt64OrZero(detail['records_gave_up']), NULL) AS records_gave_up,
    if(known, toInt64OrZero(detail['records_unaccounted']), NULL) AS records_unaccounted,
    toUInt64OrNull(detail['queue_size']) AS queue_size,
    toUInt64OrNull(detail['queue_capacity']) AS queue_capacity,
    toUInt8OrNull(detail['clock_synced']) AS clock_synced,
    toInt64OrNull(detail['clock_offset_us']) AS clock_offset_us,
    toInt64OrNull(detail['clock_error_us']) AS clock_error_us
FROM {db}.ledger_batches{all}
PREWHERE entry_kind IN ('heartbeat', 'stop')
WHERE detail['life'] != ''
