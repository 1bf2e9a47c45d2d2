-- id: ev_period_coverage
-- number: 3
-- section: A
-- question: Did monitoring run for the whole period?
-- controls: CC4.1 CC7.2 A.8.16
-- shows: records
-- column: writer # collector; empty: all together, which is what the evidence rests on
-- column: day # UTC
-- column: minutes_expected # of the day and the period, up to now; of a collector from its first word until it retired or another took its place
-- column: minutes_seen # of these, those in which it spoke as often as it should; of all, those in which one was there and none was missing
-- column: coverage_pct # minutes_seen of minutes_expected, 0 to 100
-- not_observed: No collector ever sealed anything: whether any ran is not known.
-- zero: The period has no time in it yet.
SELECT
    writer, toDate(day_start) AS day, round(sum(part) / 60, 3) AS minutes_expected, round(sum(part * there) / 60, 3) AS minutes_seen,
    floor(100 * sum(part * there) / sum(part), 3) AS coverage_pct
FROM
(
    SELECT
        writer, there, arrayJoin(arrayMap(d -> toDateTime64(toDate32(d), 3, 'UTC'), range(toUInt32(toDate(from_at)), toUInt32(toDate(to_at)) + 1))) AS day_start,
        dateDiff('millisecond', greatest(from_at, day_start), least(to_at, addDays(day_start, 1))) / 1000 AS part
    FROM
    (
        SELECT toString(writer_id) AS writer, interval_start AS from_at, interval_end AS to_at, whole_seconds <= allowed_seconds AS there
        FROM {db}.ev_ledger_intervals(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
        WHERE cause != 'retired' OR whole_seconds <= allowed_seconds
        UNION ALL
        SELECT '', stretch_start, stretch_end, collectors > 0 AND missing = 0
        FROM {db}.ev_watch(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
        WHERE (SELECT count() FROM {db}.ev_ledger_intervals(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})) > 0
    )
)
WHERE part > 0
GROUP BY writer, day
ORDER BY writer, day
