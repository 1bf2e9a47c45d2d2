-- id: findings-by-control
-- question: What was found under each control, how bad, and what became of it?
-- controls: CC7.2 CC7.3 CC4.2 A.8.16 A.5.25
-- empty: Nothing was found in the period. The query coverage says whether anything was watched.
SELECT
    control,
    multiIf(control = 'none', 'none', match(control, '^A\\.[5-8]\\.'), 'ISO 27001', 'SOC 2') AS framework,
    count() AS findings, countIf(open) AS open_now, sum(fired) AS times_fired,
    countIf(severity = 'critical') AS critical, countIf(severity = 'high') AS high,
    countIf(severity = 'warning') AS warning, countIf(severity = 'info') AS info,
    countIf(acknowledged_at IS NOT NULL) AS acknowledged, countIf(closed_at IS NOT NULL) AS closed,
    countIf(cause = 'resolved') AS resolved,
    min(first_seen) AS first_seen, max(last_seen) AS last_seen,
    arraySort(groupUniqArray(type)) AS types
FROM ev_findings(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
ARRAY JOIN if(empty(controls), ['none'], CAST(controls, 'Array(String)')) AS control
GROUP BY control
ORDER BY framework, control
