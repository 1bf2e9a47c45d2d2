-- id: ev_clock_quality
-- number: 10
-- section: A
-- question: Are timestamps to be trusted?
-- controls: A.8.17 PI1.2
-- shows: records
-- column: writer # collector whose clock is the other one; empty for rows that name none
-- column: day # of the actions, UTC
-- column: n # distinct actions
-- column: ts_after_observed # of these, those that began after the collector saw them: the agent's clock is ahead
-- column: p99_skew_ms # 99 of 100 actions were seen this soon after they ended, in ms; below 0 seen before
-- column: clamped # whose time could not be right and was replaced; attrs keep the original
-- column: clock_offset_us # largest known error of the collector's clock on the day, in microseconds, as its kernel tells; empty where it does not
-- column: clock_error_us # how wrong the clock may have been by the kernel's estimate, at most; empty where it does not tell
-- column: clock_unsynced # heartbeats at which nothing kept the collector's clock right; empty where that is not known
-- not_observed: No collector was there in the period.
-- zero: Collectors were there, and no action was recorded.
SELECT
    toString(a.writer_id) AS writer, toDate(a.ts) AS day, count() AS n, countIf(a.ts > a.observed_at) AS ts_after_observed,
    round(quantileExact(0.99)((toUnixTimestamp64Nano(a.observed_at) - toUnixTimestamp64Nano(a.ts) - toInt64(a.duration_ns)) / 1000000), 3) AS p99_skew_ms,
    countIf(a.ts_quality NOT IN ('', 'ok')) AS clamped,
    any(h.worst_offset) AS clock_offset_us, any(h.worst_error) AS clock_error_us, any(h.unsynced) AS clock_unsynced
FROM {db}.ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')}) AS a
LEFT JOIN
(
    SELECT
        writer_id, toDate(at) AS day, argMax(clock_offset_us, abs(clock_offset_us)) AS worst_offset, max(clock_error_us) AS worst_error,
        if(count(clock_synced) > 0, countIf(clock_synced = 0), NULL) AS unsynced
    FROM {db}.heartbeats
    WHERE at >= {period_start:DateTime64(3,'UTC')} AND at < {period_end:DateTime64(3,'UTC')}
    GROUP BY writer_id, day
) AS h ON a.writer_id = h.writer_id AND toDate(a.ts) = h.day
GROUP BY writer, day
ORDER BY day, writer
