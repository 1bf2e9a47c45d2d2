-- creating view ev_coverage_days
-- For each day of the period how many of its minutes collectors were there: of
-- several, the one that was there least counts. Before the first word of a collector
-- nobody watched. A day that has not begun expects no minute.
CREATE OR REPLACE VIEW {db}.ev_coverage_days{on_cluster} AS
WITH
    {period_start:DateTime64(3,'UTC')} AS period_start,
    least({period_end:DateTime64(3,'UTC')}, now64(3, 'UTC')) AS period_end
SELECT
    d.day AS day,
    greatest(0, dateDiff('millisecond', greatest(toDateTime64(d.day, 3, 'UTC'), period_start), least(toDateTime64(d.day + 1, 3, 'UTC'), period_end))) / 60000 AS minutes_expected,
    if(s.writers = 0, 0, s.seen_of_day) AS minutes_seen,
    toUInt64(s.writers) AS writers,
    if(minutes_expected <= 0, NULL, round(least(100, 100 * minutes_seen / minutes_expected), 3)) AS coverage_pct
FROM
(
    SELECT toDate(period_start) + number AS day
    FROM numbers(toUInt64(greatest(0, dateDiff('day', toDate(period_start), toDate({period_end:DateTime64(3,'UTC')} - toIntervalMillisecond(1))) + 1)))
) AS d
LEFT JOIN
(
    SELECT day, min(seen) AS seen_of_day, count() AS writers
    FROM
    (
        SELECT w.writer_id AS writer_id, w.day AS day, ifNull(sum(i.seconds), 0) / 60 AS seen
        FROM
        (
            SELECT writer_id, arrayJoin(arrayMap(n -> toDate(period_start) + n,
                range(toUInt64(greatest(0, dateDiff('day', toDate(period_start), toDate({period_end:DateTime64(3,'UTC')} - toIntervalMillisecond(1))) + 1))))) AS day
            FROM (SELECT DISTINCT writer_id FROM {db}.ev_ledger_intervals(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')}))
        ) AS w
        LEFT JOIN
        (
            -- an interval that was watched is shorter than a day: it touches two at most
            SELECT writer_id, arrayJoin(arrayDistinct([toDate(interval_start), toDate(interval_end)])) AS day,
                dateDiff('millisecond', greatest(interval_start, toDateTime64(day, 3, 'UTC')), least(interval_end, toDateTime64(day + 1, 3, 'UTC'))) / 1000 AS seconds
            FROM {db}.ev_ledger_intervals(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
            WHERE whole_seconds <= 180
        ) AS i ON w.writer_id = i.writer_id AND w.day = i.day
        GROUP BY writer_id, day
    )
    GROUP BY day
) AS s ON d.day = s.day
ORDER BY day
