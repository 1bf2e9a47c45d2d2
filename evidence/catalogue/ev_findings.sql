-- id: ev_findings
-- number: 29
-- section: C
-- question: What was found in the period, about whom, and in which state is it?
-- controls: CC7.2 CC7.3 A.8.16 A.5.25
-- shows: records
-- column: tenant_id # tenant
-- column: finding_id # of a cause: equal while it lasts and when it is over
-- column: state # of the last event before the end of the period: firing, resolved, acknowledged, closed
-- column: cause # firing or resolved, whatever people answered
-- column: open # 1: it fires, and nobody closed it since
-- column: type # what was found, such as budget.halt
-- column: severity # info, warning, high, critical
-- column: message # one sentence a person can act on
-- column: key # what an alert groups on
-- column: controls # ids of the controls that it is about
-- column: agent_id # agent that is accused, empty where none is known
-- column: session_id # session
-- column: project_id # project
-- column: principal_id # on whose behalf
-- column: service_name # service that told of it
-- column: rule # rule that proved it, empty where a type has no rules of its own
-- column: policy_version # version of the policy in force
-- column: trace_id # of the accused action
-- column: span_id # of the accused action
-- column: observed_value # NULL where there is no number
-- column: expected_value # NULL where there is no number
-- column: limit_value # NULL where there is no number
-- column: projected_at # when the limit will be reached, NULL where nothing was projected
-- column: extra # facts of the type
-- column: first_seen # first event of the cause, also before the period
-- column: last_seen # last event of the cause
-- column: fired # how often it fired
-- column: resolved_at # NULL: not resolved
-- column: acknowledged_at # NULL: nobody has
-- column: acknowledged_by # who
-- column: acknowledged_reason # why
-- column: closed_at # NULL: nobody has
-- column: closed_by # who
-- column: closed_reason # why
-- column: ticket # that somebody named
-- column: last_event # of any kind
-- column: finding # finding_id
-- column: version # policy_version
-- column: ts # first_seen
-- column: agent # agent_id
-- column: action # trace and span id of the accused action, empty where none is accused
-- watched: SELECT n FROM {db}.ev_detection(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
-- not_observed: No collector was there, or it had no rules and never told of a finding: that nothing was found means nothing.
-- zero: Collectors with rules in force were there, and nothing was found.
SELECT
    f.*,
    f.finding_id AS finding, f.policy_version AS version, f.first_seen AS ts, f.agent_id AS agent,
    if(f.trace_id = '', '', concat(f.trace_id, '-', f.span_id)) AS action
FROM {db}.ev_finding_states(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')}) AS f
ORDER BY f.first_seen, f.tenant_id, f.finding_id
