-- creating view ev_coverage_days as ev_watch has it
-- For each day of the period how many of its minutes were watched: a collector was
-- there and none was missing. A day that has not begun expects no minute.
CREATE OR REPLACE VIEW {db}.ev_coverage_days{on_cluster} AS
WITH
    {period_start:DateTime64(3,'UTC')} AS period_start,
    least({period_end:DateTime64(3,'UTC')}, now64(3, 'UTC')) AS period_end
SELECT
    d.day AS day,
    greatest(0, dateDiff('millisecond', greatest(toDateTime64(d.day, 3, 'UTC'), period_start), least(toDateTime64(d.day + 1, 3, 'UTC'), period_end))) / 60000 AS minutes_expected,
    s.watched / 60 AS minutes_seen,
    toUInt64(s.collectors) AS writers,
    if(minutes_expected <= 0, NULL, floor(100 * minutes_seen / minutes_expected, 3)) AS coverage_pct
FROM
(
    SELECT toDate(period_start) + number AS day
    FROM numbers(toUInt64(greatest(0, dateDiff('day', toDate(period_start), toDate({period_end:DateTime64(3,'UTC')} - toIntervalMillisecond(1))) + 1)))
) AS d
LEFT JOIN
(
    SELECT
        day, max(collectors) AS collectors,
        sumIf(dateDiff('millisecond', greatest(stretch_start, toDateTime64(day, 3, 'UTC')), least(stretch_end, toDateTime64(day + 1, 3, 'UTC'))) / 1000, watched) AS watched
    FROM
    (
        SELECT
            stretch_start, stretch_end, collectors, collectors > 0 AND missing = 0 AS watched,
            arrayJoin(arrayMap(n -> toDate(n), range(toUInt32(toDate(stretch_start)), toUInt32(toDate(stretch_end)) + 1))) AS day
        FROM {db}.ev_watch(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    )
    WHERE toDateTime64(day, 3, 'UTC') < stretch_end
    GROUP BY day
) AS s ON d.day = s.day
ORDER BY day
