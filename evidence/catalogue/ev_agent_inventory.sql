-- id: ev_agent_inventory
-- number: 16
-- section: B
-- question: Which agents exist?
-- controls: CC6.1 CC6.2 A.5.9 A.5.16 42001-A.4.2 NIST-G1.6
-- shows: records
-- column: tenant_id # tenant, empty for an entry of all tenants whose agent was never seen
-- column: agent # agent
-- column: agent_name # how it calls itself
-- column: version_hash # digest of what its newest model call states of version, prompt, tools, model and settings; empty where it made none
-- column: agent_version # version that it states
-- column: setups # different setups seen
-- column: owner # person who answers for it, as the registry in force says; empty where it says nothing
-- column: purpose # as the registry in force says
-- column: risk_tier # low, medium, high, critical; empty is not known
-- column: first_seen # first action that names it, NULL for one that never acted
-- column: last_seen # last action, NULL for one that never acted
-- column: tools # tools it used
-- column: models # models that answered it
-- column: services # services that sent its spans
-- column: registered # yes: the registry in force has an entry of it. no: it has none, or its actions were found to have none. unknown: no registry was ever loaded, or nobody compared
-- not_observed: No collector was ever there: which agents exist is not known. Agents that send no spans and stand in no registry cannot be seen.
-- zero: Collectors were there; no action named an agent, and no registry names one.
WITH
(
    SELECT groupArray((tenant_id, agent_id, owner, purpose, risk_tier))
    FROM (
        SELECT tenant_id, agent_id, owner, purpose, risk_tier
        FROM {db}.agent_registry
        WHERE (tenant_id, registry_version) IN
            (SELECT tenant_id, argMax(version, ts) FROM {db}.config_versions{all} WHERE kind = 'registry' AND NOT refused GROUP BY tenant_id)
        ORDER BY recorded_at DESC
        LIMIT 1 BY tenant_id, agent_id
    )
) AS register,
(SELECT count() FROM {db}.config_versions{all} WHERE kind = 'registry' AND NOT refused) AS loaded
SELECT * EXCEPT (entry)
FROM
(
    SELECT
        tenant_id, toString(agent_id) AS agent, name AS agent_name, newest_hash AS version_hash, newest_version AS agent_version, setups,
        -- a tenant's own registry goes before that of all
        arraySort(r -> (r.1 = '', r.2 != agent_id), arrayFilter(r -> r.1 IN ('', tenant_id) AND has(entry_ids, r.2), register))[1] AS entry,
        entry.3 AS owner, entry.4 AS purpose, entry.5 AS risk_tier,
        toNullable(first_at) AS first_seen, toNullable(last_at) AS last_seen, tools_used AS tools, models_used AS models, services_of AS services,
        multiIf(entry.2 != '', 'yes', loaded = 0, 'unknown', unregistered_at IS NOT NULL OR judged_at IS NOT NULL, 'no', 'unknown') AS registered
    FROM (SELECT
        tenant_id, agent_id, argMax(agent_name, last_seen) AS name, min(first_seen) AS first_at, max(last_seen) AS last_at,
        argMax(version_hash, tuple(version_hash != '', last_seen)) AS newest_hash, argMax(agent_version, tuple(agent_version != '', last_seen)) AS newest_version,
        countIf(version_hash != '') AS setups,
        arraySort(groupUniqArrayArray(tools)) AS tools_used, arraySort(groupUniqArrayArray(models)) AS models_used,
        arraySort(groupUniqArrayArray(services)) AS services_of, arrayDistinct(arrayPushBack(groupUniqArrayArray(entries), any(agent_id))) AS entry_ids,
        max(last_judged) AS judged_at, max(last_unregistered) AS unregistered_at
    FROM {db}.ev_agents
    GROUP BY tenant_id, agent_id)
    UNION ALL
    SELECT
        r.1, r.2, '', '', '', 0, r, r.3, r.4, r.5, NULL, NULL, [], [], [], 'yes'
    FROM (SELECT arrayJoin(register) AS r)
    WHERE if(r.1 = '', r.2 NOT IN (SELECT arrayJoin(entry_ids) FROM (SELECT
        tenant_id, agent_id, argMax(agent_name, last_seen) AS name, min(first_seen) AS first_at, max(last_seen) AS last_at,
        argMax(version_hash, tuple(version_hash != '', last_seen)) AS newest_hash, argMax(agent_version, tuple(agent_version != '', last_seen)) AS newest_version,
        countIf(version_hash != '') AS setups,
        arraySort(groupUniqArrayArray(tools)) AS tools_used, arraySort(groupUniqArrayArray(models)) AS models_used,
        arraySort(groupUniqArrayArray(services)) AS services_of, arrayDistinct(arrayPushBack(groupUniqArrayArray(entries), any(agent_id))) AS entry_ids,
        max(last_judged) AS judged_at, max(last_unregistered) AS unregistered_at
    FROM {db}.ev_agents
    GROUP BY tenant_id, agent_id)), (r.1, r.2) NOT IN (SELECT tenant_id, arrayJoin(entry_ids) FROM (SELECT
        tenant_id, agent_id, argMax(agent_name, last_seen) AS name, min(first_seen) AS first_at, max(last_seen) AS last_at,
        argMax(version_hash, tuple(version_hash != '', last_seen)) AS newest_hash, argMax(agent_version, tuple(agent_version != '', last_seen)) AS newest_version,
        countIf(version_hash != '') AS setups,
        arraySort(groupUniqArrayArray(tools)) AS tools_used, arraySort(groupUniqArrayArray(models)) AS models_used,
        arraySort(groupUniqArrayArray(services)) AS services_of, arrayDistinct(arrayPushBack(groupUniqArrayArray(entries), any(agent_id))) AS entry_ids,
        max(last_judged) AS judged_at, max(last_unregistered) AS unregistered_at
    FROM {db}.ev_agents
    GROUP BY tenant_id, agent_id)))
)
ORDER BY tenant_id, agent
