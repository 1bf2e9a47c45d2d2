-- id: ev_coverage_gaps
-- number: 4
-- section: A
-- question: When was monitoring down, and why?
-- controls: CC7.2 CC7.3 A1.2
-- shows: exceptions
-- column: writer # collector that said nothing; empty: no collector at all was there
-- column: gap_start # its last word before, or the start of the period
-- column: gap_end # its next word, when another began in its place, or the end of the period
-- column: minutes # between the two
-- column: cause # planned_stop (it had ended in order), crash_recovered (it had not, and went on), state_lost (it began anew without what it knew), replaced (another began in its place), no_news (not heard of since), unexplained (it ran and did not speak), no_collector
-- population: SELECT count() FROM {db}.ev_ledger_intervals(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
-- not_observed: No collector ever sealed anything: whether any ran is not known.
-- zero: The period has no time in it yet.
-- fine: Collectors were there all the time, and none was silent for longer than it may be (three of its intervals, at least three minutes).
SELECT writer, gap_start, gap_end, round(dateDiff('millisecond', gap_start, gap_end) / 60000, 3) AS minutes, cause
FROM
(
    SELECT toString(writer_id) AS writer, interval_start AS gap_start, interval_end AS gap_end, cause
    FROM {db}.ev_ledger_intervals(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE whole_seconds > allowed_seconds AND cause != 'retired'
    UNION ALL
    SELECT '', min(stretch_start), max(stretch_end), 'no_collector'
    FROM
    (
        SELECT stretch_start, stretch_end, collectors, sum(collectors > 0) OVER (ORDER BY stretch_start ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS place
        FROM {db}.ev_watch(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    )
    WHERE collectors = 0
        AND (SELECT count() FROM {db}.ev_ledger_intervals(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})) > 0
    GROUP BY place
)
ORDER BY gap_start, writer, gap_end, cause
