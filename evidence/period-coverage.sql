-- id: period-coverage
-- question: For how much of the period was each collector there, from its first word on?
-- controls: CC4.1 CC7.2 A.8.16
-- param: minutes UInt32 = 3 # silence that counts as absence
-- empty: No collector sealed anything until the end of the period: nothing was watched.
SELECT
    writer_id AS writer, min(interval_start) AS since, round(sum(seconds) / 60, 1) AS minutes_expected,
    round(sumIf(seconds, whole_seconds <= {minutes:UInt32} * 60) / 60, 1) AS minutes_seen,
    if(sum(seconds) = 0, NULL, round(100 * sumIf(seconds, whole_seconds <= {minutes:UInt32} * 60) / sum(seconds), 1)) AS coverage_pct
FROM ev_ledger_intervals(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
GROUP BY writer
ORDER BY writer
