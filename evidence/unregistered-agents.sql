-- id: unregistered-agents
-- question: Which agents acted without being registered, and which acted where nobody looked?
-- controls: CC6.2 CC6.1 A.5.16
-- empty: Every action stored in the period was held against the entry of a registered agent, or there was none: see coverage.
SELECT
    tenant_id, agent_id, any(agent_name) AS agent_name,
    multiIf(agent_id = '', 'nobody_named', countIf(boundary_verdict = 'unregistered') > 0, 'unregistered', 'not_evaluated') AS status,
    count() AS actions, countIf(boundary_verdict = 'unregistered') AS unregistered_actions,
    countIf(boundary_verdict IN ('', 'not_evaluated')) AS not_evaluated_actions,
    min(ts) AS first_seen, max(ts) AS last_seen,
    arraySort(groupUniqArrayIf(toString(service_name), service_name != '')) AS services,
    arraySort(groupUniqArrayIf(principal_id, principal_id != '')) AS principals,
    arraySort(groupUniqArrayIf(toString(tool_name), tool_name != '')) AS tools
FROM ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
GROUP BY tenant_id, agent_id
HAVING unregistered_actions > 0 OR countIf(boundary_verdict IN ('respected', 'violation')) = 0 OR agent_id = ''
ORDER BY tenant_id, agent_id
