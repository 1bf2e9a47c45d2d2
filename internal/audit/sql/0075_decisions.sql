-- creating view decisions
-- What was decided: by policy, and what people answered where policy asks. The rows are
-- those of actions, which are sealed, where a second copy could be changed unnoticed.
CREATE OR REPLACE VIEW {db}.decisions{on_cluster} AS
SELECT
    tenant_id, decision_id, ts, action_id, trace_id, span_id, parent_span_id, agent_id, session_id, principal_id, principal_type,
    principal_grade, tool_name, tool_operation, tool_resource, tool_call_id,
    decision_rule AS policy_id, policy_version,
    decision_effect AS effect,
    attrs['spanwarden.decision.answered'] AS answered,
    attrs['spanwarden.decision.mode'] AS mode,
    attrs['spanwarden.decision.adapter'] AS adapter,
    decision_reason AS reason,
    attrs['spanwarden.approval.by'] AS approver,
    multiIf(approver = '', 'policy', startsWith(approver, 'agent:'), 'agent', 'human') AS decided_by_type,
    if(approver != '', approver, decision_rule) AS decided_by,
    -- of an answer the question's decision, of a decision the answer it was made with
    attrs['spanwarden.approval.decision_id'] AS asked_decision_id,
    if(approver != '', attrs['spanwarden.approval.id'], record.approval) AS approval_id,
    if(approver != '', attrs['spanwarden.approval.requested_by'], record.requested_by) AS requested_by,
    if(approver != '', parseDateTime64BestEffortOrNull(attrs['spanwarden.approval.requested_at'], 9, 'UTC'), toNullable(ts)) AS requested_at,
    attrs['spanwarden.approval.via'] AS approved_via,
    attrs['spanwarden.approval.reason'] AS approval_reason,
    record.engine AS engine,
    record.latency_us AS latency_us,
    record.actor.by AS bound_by,
    record.actor.grade AS agent_grade,
    record.principal.via AS principal_via,
    writer_id, writer_epoch, batch_id, row_ix,
    JSONExtract(attrs['spanwarden.decision.record'],
        'Tuple(engine String, requested_by String, approval String, latency_us Nullable(UInt64), actor Tuple(by String, grade String), principal Tuple(via String))') AS record
FROM {db}.actions{all}
WHERE kind = 'decision' AND decision_effect != ''
