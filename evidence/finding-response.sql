-- id: finding-response
-- question: Were findings looked at and closed in time, and by whom?
-- controls: CC7.3 CC7.4 CC4.2 A.5.26
-- param: hours UInt32 = 24 # until a finding of severity high or critical must be acknowledged, closed or resolved
-- empty: Nothing of severity high or critical was found in the period. The query coverage says whether anything was watched.
SELECT
    tenant_id, finding_id, type, severity, agent_id, first_seen, acknowledged_at, acknowledged_by, closed_at, closed_by, closed_reason, resolved_at, ticket,
    state, open,
    arrayMin(arrayFilter(t -> t IS NOT NULL, [acknowledged_at, closed_at, resolved_at])) AS answered_at,
    multiIf(
        answered_at IS NOT NULL AND answered_at <= first_seen + toIntervalHour({hours:UInt32}), 'in_time',
        answered_at IS NOT NULL, 'late',
        first_seen + toIntervalHour({hours:UInt32}) > {period_end:DateTime64(3,'UTC')}, 'not_due',
        'overdue') AS response
FROM ev_findings(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
WHERE severity IN ('high', 'critical')
ORDER BY first_seen, finding_id
