-- id: ev_tool_outcomes
-- number: 42
-- section: E
-- question: Did processing work: how often did each tool succeed, fail, take long, and was tried again?
-- controls: PI1.3 A1.1
-- shows: records
-- column: tenant_id # tenant
-- column: tool # tool
-- column: server # MCP server, empty where it is none or nobody told
-- column: calls # each once
-- column: success # of the calls
-- column: failure # of the calls
-- column: unknown # of the calls: nobody told how they ended
-- column: p95_ms # of the duration, ms
-- column: max_ms # of the duration, ms
-- column: retries # calls of the same tool that followed a failed one of the same agent in the same session (or trace) as its next call of a tool
-- column: errors # types of error, and of how many calls
-- column: agents # how many agents called it
-- not_observed: No collector was there in the period.
-- zero: Collectors were there, and no tool was called.
SELECT
    tenant_id, tool, server, count() AS calls, countIf(outcome = 'success') AS success, countIf(outcome = 'failure') AS failure,
    countIf(outcome NOT IN ('success', 'failure')) AS unknown,
    round(quantileExact(0.95)(duration_ns) / 1e6, 3) AS p95_ms, round(max(duration_ns) / 1e6, 3) AS max_ms,
    countIf(outcome_before = 'failure' AND tool_before = tool) AS retries,
    mapFilter((k, v) -> k != '', sumMap(map(error, toUInt64(1)))) AS errors,
    uniqExact(agent_id) AS agents
FROM
(
    SELECT
        tenant_id, tool_name AS tool, mcp_server AS server, outcome, duration_ns, agent_id, if(outcome = 'failure', if(error_type != '', toString(error_type), 'not stated'), '') AS error,
        lagInFrame(toString(outcome)) OVER w AS outcome_before, lagInFrame(toString(tool_name)) OVER w AS tool_before
    FROM {db}.ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE kind = 'tool' AND attrs['spanwarden.action.duplicate'] != 'true'
    WINDOW w AS (PARTITION BY tenant_id, if(session_id != '', session_id, trace_id), agent_id ORDER BY ts, span_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
GROUP BY tenant_id, tool, server
ORDER BY tenant_id, tool, server
