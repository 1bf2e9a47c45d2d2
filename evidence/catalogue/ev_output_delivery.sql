-- id: ev_output_delivery
-- number: 43
-- section: E
-- question: Were outputs complete and in time: answers that were cut off, sessions that ended without an answer?
-- controls: PI1.4
-- shows: records
-- column: tenant_id # tenant
-- column: agent # agent
-- column: sessions # in which the agent called a model; a trace stands for a session that nobody named
-- column: calls # model calls, each once
-- column: truncated # of the calls: finished for length
-- column: filtered # of the calls: finished by a content filter or a refusal
-- column: unknown_finish # of the calls: nobody told why they finished
-- column: no_final_output # sessions whose last model call of the agent failed, was cut or filtered, or asked for a tool and got no call of a model after it
-- column: unknown_final # sessions of which the last call's end is not known
-- column: p95_s # from the first to the end of the last of the agent's actions in a session, 95 of 100, s
-- column: max_s # the longest, s
-- not_observed: No collector was there in the period.
-- zero: Collectors were there, and no agent called a model.
SELECT
    tenant_id, agent, count() AS sessions, sum(n) AS calls, sum(cut) AS truncated, sum(stopped) AS filtered, sum(untold) AS unknown_finish,
    countIf(last_end IN ('cut', 'filtered', 'tool', 'failed')) AS no_final_output, countIf(last_end = 'unknown') AS unknown_final,
    round(quantileExact(0.95)(took), 3) AS p95_s, round(max(took), 3) AS max_s
FROM
(
    SELECT
        tenant_id, agent, session, countIf(called) AS n, countIf(called AND end = 'cut') AS cut, countIf(called AND end = 'filtered') AS stopped,
        countIf(called AND finish_reason = '') AS untold, argMaxIf(end, (ts, span_id), called) AS last_end,
        (max(toUnixTimestamp64Nano(ts) + toInt64(duration_ns)) - min(toUnixTimestamp64Nano(ts))) / 1e9 AS took
    FROM
    (
        SELECT
            tenant_id, toString(agent_id) AS agent, if(session_id != '', session_id, trace_id) AS session, ts, span_id, duration_ns, finish_reason,
            kind = 'inference' AND usage_accounting != 'rollup' AND attrs['spanwarden.action.duplicate'] != 'true' AS called,
            lower(replaceAll(finish_reason, '-', '_')) AS why,
            multiIf(
                outcome = 'failure', 'failed',
                why IN ('length', 'max_tokens', 'model_length', 'max_output_tokens', 'incomplete', 'model_context_window_exceeded'), 'cut',
                why IN ('content_filter', 'refusal', 'safety', 'blocked', 'prohibited_content', 'recitation', 'blocklist', 'spii', 'guardrail_intervened', 'content_filtered'), 'filtered',
                why IN ('tool_calls', 'tool_call', 'tool_use', 'function_call', 'tool_execution'), 'tool',
                why = '', 'unknown',
                'whole') AS end
        FROM {db}.ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
        WHERE agent_id != '' AND kind != 'decision'
    )
    GROUP BY tenant_id, agent, session
    HAVING n > 0
)
GROUP BY tenant_id, agent
ORDER BY tenant_id, agent
