-- id: boundary-summary
-- question: How many actions of each agent were held against its boundary, with which verdict, and how many could not be?
-- controls: CC6.1 CC6.3 A.5.15 A.8.3
-- empty: No action of any agent was stored in the period.
WITH
    -- what a boundary is about: no step of a framework, and each action once
    kind IN ('inference', 'embedding', 'tool', 'agent', 'retrieval', 'memory', 'handoff') AND attrs['spanwarden.action.duplicate'] != 'true'
        AND NOT (kind IN ('inference', 'embedding') AND usage_accounting = 'rollup') AS held
SELECT
    tenant_id, agent_id, countIf(held) AS actions,
    countIf(boundary_verdict = 'respected') AS respected,
    countIf(boundary_verdict = 'violation') AS violations,
    countIf(boundary_verdict = 'unregistered') AS unregistered,
    countIf(held AND boundary_verdict IN ('', 'not_evaluated')) AS not_evaluated,
    countIf(boundary_verdict NOT IN ('', 'respected', 'violation', 'unregistered', 'not_evaluated')) AS other,
    countIf(decision_effect = 'deny') AS denied, countIf(decision_effect = 'halt') AS halted, countIf(decision_effect = 'ask') AS asked,
    arraySort(groupUniqArrayIf(boundary_rule, boundary_verdict = 'violation' AND boundary_rule != '')) AS violated_rules,
    arraySort(groupUniqArrayIf(policy_version, policy_version != '')) AS policy_versions,
    min(ts) AS first_seen, max(ts) AS last_seen
FROM ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
GROUP BY tenant_id, agent_id
HAVING actions > 0 OR denied + halted + asked > 0
ORDER BY tenant_id, agent_id
