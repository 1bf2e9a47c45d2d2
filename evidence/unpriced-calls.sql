-- id: unpriced-calls
-- question: Which model calls have no price or only part of one, so that spend is not known?
-- controls: PI1.3 PI1.1
-- empty: Every model call stored in the period has a whole price, or there was none: see coverage.
SELECT
    tenant_id, provider, if(request_model != '', request_model, response_model) AS model, cost_status, cost_reason,
    count() AS calls, sum(a.input_tokens) AS input_tokens, sum(a.output_tokens) AS output_tokens,
    countIf(a.input_tokens IS NULL AND a.output_tokens IS NULL) AS calls_without_tokens,
    uniqExact(agent_id) AS agents, min(ts) AS first_seen, max(ts) AS last_seen
FROM ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')}) AS a
WHERE usage_accounting != 'rollup' AND cost_status NOT IN ('duplicate', 'rollup')
    AND (cost_status IN ('unpriced', 'partial') OR (kind IN ('inference', 'embedding') AND a.cost_usd IS NULL))
GROUP BY tenant_id, provider, model, cost_status, cost_reason
ORDER BY tenant_id, provider, model, cost_status, cost_reason
