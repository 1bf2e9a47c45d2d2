-- id: coverage-gaps
-- question: When did a collector say nothing, and why?
-- controls: CC7.2 CC7.3 A1.2 A.8.16
-- param: minutes UInt32 = 3 # silence that counts; a collector speaks every integrity::interval (1m)
-- empty: No gap, if period-coverage has lines. Without those nothing was watched.
SELECT writer_id AS writer, interval_start AS gap_start, interval_end AS gap_end, round(seconds / 60, 1) AS minutes, cause
FROM ev_ledger_intervals(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
WHERE whole_seconds > {minutes:UInt32} * 60
ORDER BY gap_start, writer
