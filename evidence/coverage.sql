-- id: coverage
-- question: Was anything watched in the period, and how often was it delivered twice?
-- controls: CC2.1 CC4.1 CC7.2 A.8.15 A.8.16
-- empty: It always answers a line for each source. A source with 0 was not observed in the period.
SELECT source, stored, records, stored - records AS redelivered, first_ts, last_ts
FROM ev_coverage(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
ORDER BY source
