-- creating view sessions
-- A row is a session and a day, as far as spans name it when they arrive. What was
-- attributed later is in ev_session_actions.
CREATE OR REPLACE VIEW {db}.sessions{on_cluster} AS
SELECT
    tenant_id, session_id, toDate(ts) AS day,
    arraySort(groupUniqArrayIf(toString(agent_id), agent_id != '')) AS agent_ids,
    arraySort(groupUniqArrayIf(principal_id, principal_id != '')) AS principals,
    min(ts) AS started, max(ts) AS ended,
    uniqExact(action_id) AS actions,
    uniqExactIf(action_id, outcome = 'failure') AS errors,
    uniqExactIf(action_id, decision_effect = 'deny') AS denied
FROM {db}.actions{all}
WHERE session_id != ''
GROUP BY tenant_id, session_id, day
