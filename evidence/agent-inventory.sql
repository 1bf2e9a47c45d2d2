-- id: agent-inventory
-- question: Which agents exist, since when, with which models, tools and versions, and are they registered?
-- controls: CC6.1 CC6.2 A.5.9 A.5.16
-- empty: No agent was seen in the period: no action with an agent was stored, no run and no delegation. Agents that send no spans cannot be seen.
SELECT
    tenant_id, agent_id, any(name) AS agent_name, arraySort(groupUniqArrayArray(versions)) AS versions,
    min(first_seen) AS first_seen, max(last_seen) AS last_seen, sum(actions) AS actions, sum(runs) AS runs,
    multiIf(sum(unregistered) > 0, 'unregistered', sum(judged) > 0, 'registered', 'not_evaluated') AS registered,
    arraySort(groupUniqArrayArray(models)) AS models, arraySort(groupUniqArrayArray(tools)) AS tools,
    arraySort(groupUniqArrayArray(principals)) AS principals, arraySort(groupUniqArrayArray(services)) AS services,
    sum(cost) AS cost_usd, sum(unpriced) AS unpriced_calls,
    arraySort(groupUniqArrayArray(seen)) AS seen_as
FROM
(
    SELECT
        tenant_id, agent_id, any(agent_name) AS name, groupUniqArrayIf(toString(agent_version), agent_version != '') AS versions,
        min(ts) AS first_seen, max(ts) AS last_seen, count() AS actions, toUInt64(0) AS runs,
        countIf(boundary_verdict = 'unregistered') AS unregistered, countIf(boundary_verdict IN ('respected', 'violation')) AS judged,
        groupUniqArrayIf(toString(if(response_model != '', response_model, request_model)), request_model != '' OR response_model != '') AS models,
        groupUniqArrayIf(toString(tool_name), tool_name != '') AS tools, groupUniqArrayIf(principal_id, principal_id != '') AS principals,
        groupUniqArrayIf(toString(service_name), service_name != '') AS services,
        sum(cost_usd) AS cost, countIf(cost_status IN ('unpriced', 'partial')) AS unpriced, ['actor'] AS seen
    FROM ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE agent_id != ''
    GROUP BY tenant_id, agent_id
    UNION ALL
    SELECT
        tenant_id, agent_id, any(agent_name), groupUniqArrayIf(toString(agent_version), agent_version != ''),
        min(ifNull(started_at, recorded_at)), max(coalesce(ended_at, started_at, recorded_at)), 0, count(), 0, 0,
        [], [], groupUniqArrayIf(principal_id, principal_id != ''), [], NULL, 0, ['run']
    FROM ev_runs(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE agent_id != ''
    GROUP BY tenant_id, agent_id
    UNION ALL
    SELECT
        tenant_id, delegatee_id, '', [], min(recorded_at), max(recorded_at), 0, 0, countIf(has(reasons, 'unregistered_agent')), 0,
        [], [], [], [], NULL, 0, ['delegatee']
    FROM ev_delegations(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE delegatee_id != ''
    GROUP BY tenant_id, delegatee_id
)
GROUP BY tenant_id, agent_id
ORDER BY tenant_id, agent_id
