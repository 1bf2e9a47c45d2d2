-- id: spend-by-agent-day
-- question: What did each agent spend each day, and how much of it has no price?
-- controls: A1.1 PI1.3 A.8.6
-- empty: No agent called a model in the period, as far as spans reached the store.
SELECT
    tenant_id, agent_id, any(a.agent_name) AS agent_name, toString(toDate(ts)) AS day,
    sum(a.cost_usd) AS cost_usd,
    count() AS calls,
    countIf(a.cost_usd IS NULL) AS unpriced_calls,
    if(unpriced_calls = 0, 0, sumIf(a.input_tokens, a.cost_usd IS NULL) + sumIf(a.output_tokens, a.cost_usd IS NULL)) AS unpriced_tokens,
    sum(a.input_tokens) AS input_tokens, sum(a.output_tokens) AS output_tokens,
    uniqExactIf(session_id, session_id != '') AS sessions
FROM ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')}) AS a
WHERE usage_accounting != 'rollup' AND (kind IN ('inference', 'embedding') OR a.cost_usd IS NOT NULL)
GROUP BY tenant_id, agent_id, day
ORDER BY tenant_id, day, agent_id
