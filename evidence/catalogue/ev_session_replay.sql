-- id: ev_session_replay
-- number: 36
-- section: C
-- question: What happened in one session, step by step, and what vouches for each step?
-- controls: AIA-12 A.5.28 FINRA-3110
-- shows: records
-- param: session String # session id
-- column: tenant_id # tenant
-- column: seq # 1 for the first step
-- column: ts # when the step began; of a finding when it was told
-- column: kind # of the action; finding for what was found or answered about it
-- column: agent # agent
-- column: principal # on whose behalf
-- column: tool # tool of a call, provider/model of a model call, type of a finding
-- column: decision # effect of a decision, else the boundary's verdict; of a finding its state
-- column: outcome # success or failure, empty where nobody told; of a finding its severity
-- column: content_ref # salted digests of prompts, answers and arguments by attribute, empty where content is not kept
-- column: sealed_by # writer/epoch/seq of the leaf that vouches for the row, empty: none does
-- column: message # of a finding, or the status message
-- column: trace_id # trace
-- column: span_id # span
-- column: run_id # run
-- not_observed: No collector was ever there.
-- zero: Collectors were there, and nothing is stored of such a session.
WITH
steps AS
(
    SELECT
        tenant_id, ts, 0 AS rank, toString(kind) AS kind, toString(agent_id) AS agent, principal_id AS principal,
        multiIf(tool_name != '', toString(tool_name), request_model != '' OR response_model != '',
            concat(provider, '/', if(response_model != '', response_model, request_model)), '') AS tool,
        if(decision_effect != '', toString(decision_effect), toString(boundary_verdict)) AS decision, toString(outcome) AS outcome,
        content_refs AS content_ref, status_message AS message, trace_id, span_id, run_id, 'actions' AS table_name, toString(writer_id) AS writer_id, writer_epoch, batch_id
    FROM {db}.ev_session_actions(session = {session:String}, period_start = '1970-01-01 00:00:00', period_end = '2261-01-01 00:00:00')
    UNION ALL
    SELECT
        tenant_id, ts, 1, 'finding', toString(agent_id), if(by_principal != '', by_principal, principal_id), toString(type), toString(state), toString(severity),
        CAST(map(), 'Map(LowCardinality(String), String)'), message, trace_id, span_id, '', 'finding_events', toString(writer_id), writer_epoch, batch_id
    FROM
    (
        SELECT * FROM {db}.finding_events{all} WHERE session_id = {session:String} LIMIT 1 BY tenant_id, finding_id, state, ts
    )
)
SELECT
    s.tenant_id AS tenant_id, row_number() OVER (PARTITION BY s.tenant_id ORDER BY s.ts, s.rank, s.trace_id, s.span_id, s.tool, s.decision) AS seq, s.ts AS ts, s.kind AS kind, s.agent AS agent,
    s.principal AS principal, s.tool AS tool, s.decision AS decision, s.outcome AS outcome, s.content_ref AS content_ref,
    if(l.leaf = '', '', concat(s.writer_id, '/', toString(s.writer_epoch), '/', l.leaf)) AS sealed_by,
    s.message AS message, s.trace_id AS trace_id, s.span_id AS span_id, s.run_id AS run_id
FROM steps AS s
LEFT JOIN
(
    SELECT toString(table_name) AS table_name, toString(writer_id) AS writer_id, writer_epoch, batch_id, toString(min(seq)) AS leaf
    FROM {db}.ledger_batches{all}
    WHERE entry_kind = 'batch' AND batch_id IN (SELECT batch_id FROM steps)
    GROUP BY table_name, writer_id, writer_epoch, batch_id
) AS l ON l.table_name = s.table_name AND l.writer_id = s.writer_id AND l.writer_epoch = s.writer_epoch AND l.batch_id = s.batch_id
ORDER BY s.tenant_id, seq
