-- creating view ev_watch
-- The period cut to now, in stretches in which the same number of collectors was there
-- and the same number was missing: silent for longer than it may be, without having
-- stopped in order and without another that began in its place. A period since 2000
-- is one since the first word of anybody.
CREATE OR REPLACE VIEW {db}.ev_watch{on_cluster} AS
WITH least({period_end:DateTime64(3,'UTC')}, now64(3, 'UTC')) AS until
SELECT stretch_start, stretch_end, dateDiff('millisecond', stretch_start, stretch_end) / 1000 AS seconds, collectors, missing
FROM
(
    SELECT
        at AS stretch_start,
        leadInFrame(at, 1, at) OVER w AS stretch_end,
        toUInt64(sum(came) OVER w2) AS collectors,
        toUInt64(sum(lost) OVER w2) AS missing
    FROM
    (
        SELECT edge.1 AS at, sum(edge.2) AS came, sum(edge.3) AS lost
        FROM
        (
            SELECT arrayJoin([(interval_start, there, gone), (interval_end, -there, -gone)]) AS edge
            FROM
            (
                SELECT
                    interval_start, interval_end, toInt64(whole_seconds <= allowed_seconds) AS there,
                    toInt64(NOT there AND cause NOT IN ('planned_stop', 'retired')) AS gone
                FROM {db}.ev_ledger_intervals(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
            )
            UNION ALL
            SELECT arrayJoin([({period_start:DateTime64(3,'UTC')}, toInt64(0), toInt64(0)), (until, toInt64(0), toInt64(0))])
        )
        GROUP BY at
        HAVING came != 0 OR lost != 0 OR at = until OR at = {period_start:DateTime64(3,'UTC')} AND at > toDateTime64('2000-01-01 00:00:00', 3, 'UTC')
    )
    WINDOW
        w AS (ORDER BY at ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING),
        w2 AS (ORDER BY at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
WHERE stretch_end > stretch_start AND stretch_start >= {period_start:DateTime64(3,'UTC')} AND stretch_end <= until
