-- id: ev_finding_response
-- number: 30
-- section: C
-- question: Were findings looked at and closed in time, and by whom?
-- controls: CC7.3 CC7.4 CC4.2 A.5.26
-- shows: records
-- param: hours UInt32 = 24 # until a finding of severity high or critical must be acknowledged, closed or resolved
-- column: tenant_id # tenant
-- column: finding # finding_id
-- column: type # what was found
-- column: severity # high or critical
-- column: agent # agent that is accused
-- column: detected # when it was first found
-- column: ack # when somebody acknowledged it last, NULL: nobody has
-- column: closed # when somebody closed it, NULL: nobody has
-- column: resolved # when the cause was over, NULL: it is not
-- column: state # of the last event before the end of the period
-- column: open # 1: it fires, and nobody closed it since
-- column: by # who closed it, else who acknowledged it
-- column: ticket # that somebody named
-- column: answered # the first of ack, closed, resolved
-- column: hours_taken # from detected to answered, NULL: not answered
-- column: response # in_time, late, not_due, overdue
-- column: sla_met # 1 in_time, 0 late or overdue, NULL: it is not due before the end of the period
-- watched: SELECT n FROM {db}.ev_detection(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
-- not_observed: No collector was there, or it had no rules and never told of a finding: that nothing had to be answered means nothing.
-- zero: Collectors with rules in force were there, and nothing of severity high or critical was found.
SELECT
    tenant_id, finding_id AS finding, type, severity, agent_id AS agent, first_seen AS detected, acknowledged_at AS ack, closed_at AS closed,
    resolved_at AS resolved, state, open, if(closed_by != '', closed_by, acknowledged_by) AS by, ticket,
    arrayMin(arrayFilter(t -> t IS NOT NULL, [acknowledged_at, closed_at, resolved_at])) AS answered,
    round(dateDiff('second', first_seen, answered) / 3600, 2) AS hours_taken,
    multiIf(
        answered IS NOT NULL AND answered <= first_seen + toIntervalHour({hours:UInt32}), 'in_time',
        answered IS NOT NULL, 'late',
        first_seen + toIntervalHour({hours:UInt32}) > least({period_end:DateTime64(3,'UTC')}, now64(3, 'UTC')), 'not_due',
        'overdue') AS response,
    multiIf(response = 'in_time', 1, response = 'not_due', NULL, 0) AS sla_met
FROM {db}.ev_finding_states(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
WHERE severity IN ('high', 'critical')
ORDER BY first_seen, tenant_id, finding_id
