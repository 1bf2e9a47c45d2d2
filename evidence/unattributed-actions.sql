-- id: unattributed-actions
-- question: Which share of each agent's actions has no accountable person or system behind it?
-- controls: CC6.1 CC1.5 A.5.16 A.8.15
-- empty: No action was stored in the period.
SELECT
    tenant_id, agent_id, count() AS actions,
    countIf(principal_id = '' OR principal_grade = 'missing') AS without_principal,
    countIf(principal_id != '' AND principal_grade = 'verified') AS verified,
    countIf(agent_id = '') AS without_agent,
    round(without_principal / actions, 4) AS share_without_principal
FROM ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
GROUP BY tenant_id, agent_id
ORDER BY tenant_id, agent_id
