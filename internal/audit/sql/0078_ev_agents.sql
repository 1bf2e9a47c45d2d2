-- creating view ev_agents
-- Each agent and setup once, also those whose agent became known after their span was
-- stored.
CREATE OR REPLACE VIEW {db}.ev_agents{on_cluster} AS
SELECT
    tenant_id, agent_id, version_hash, anyLast(t.agent_name) AS agent_name, anyLast(t.agent_version) AS agent_version,
    anyLast(t.prompt_digest) AS prompt_digest, anyLast(t.tools_digest) AS tools_digest, anyLast(t.model) AS model, anyLast(t.config) AS config,
    min(t.first_seen) AS first_seen, max(t.last_seen) AS last_seen,
    arraySort(groupUniqArrayArray(t.tools)) AS tools, arraySort(groupUniqArrayArray(t.models)) AS models,
    arraySort(groupUniqArrayArray(t.services)) AS services, arraySort(groupUniqArrayArray(t.entries)) AS entries,
    max(t.last_judged) AS last_judged, max(t.last_unregistered) AS last_unregistered
FROM
(
    SELECT
        tenant_id, agent_id, version_hash, agent_name, agent_version, prompt_digest, tools_digest, model, config, first_seen, last_seen,
        tools, models, services, entries, last_judged, last_unregistered
    FROM {db}.agents{all}
    UNION ALL
    SELECT
        tenant_id, late_agent AS agent_id,
        if(kind = 'inference', lower(hex(sipHash128(said, prompt, offered, asked, settings))), '') AS version_hash,
        late_name, said, prompt, offered, asked, settings,
        toDateTime64(ts, 3, 'UTC'), toDateTime64(ts, 3, 'UTC'),
        if(tool_name = '', [], [toString(tool_name)]),
        if(request_model = '' AND response_model = '', [], [toString(if(response_model != '', response_model, request_model))]),
        if(service_name = '', [], [toString(service_name)]), if(entry = '', [], [entry]),
        if(verdict IN ('respected', 'violation'), toDateTime64(ts, 3, 'UTC'), NULL),
        if(verdict = 'unregistered', toDateTime64(ts, 3, 'UTC'), NULL)
    FROM
    (
        SELECT
            tenant_id, action_id, kind, ts, tool_name, request_model, response_model, service_name,
            attrs['spanwarden.boundary.agent'] AS entry,
            if(attrs['gen_ai.prompt.name'] != '', attrs['gen_ai.prompt.name'] || '@' || attrs['gen_ai.prompt.version'], attrs['spanwarden.agent.prompt_digest']) AS prompt,
            attrs['spanwarden.agent.tools_digest'] AS offered,
            if(kind = 'inference', toString(if(request_model != '', request_model, response_model)), '') AS asked,
            if(kind != 'inference', '', arrayStringConcat(arrayMap(k -> k || '=' || attrs['gen_ai.request.' || k],
                arrayFilter(k -> mapContains(attrs, 'gen_ai.request.' || k), ['temperature', 'top_p', 'top_k', 'max_tokens'])), ' ')) AS settings
        FROM {db}.actions{all}
        WHERE agent_id = '' AND kind NOT IN ('decision', 'other')
    ) AS a
    INNER JOIN
    (
        SELECT
            action_id, argMaxIf(toString(agent_id), observed_at, agent_id != '') AS late_agent,
            argMaxIf(toString(agent_name), observed_at, agent_id != '') AS late_name,
            argMaxIf(toString(agent_version), observed_at, agent_id != '') AS said,
            argMaxIf(toString(boundary_verdict), observed_at, boundary_verdict != '') AS verdict
        FROM {db}.attributions{all}
        GROUP BY action_id
        HAVING late_agent != ''
    ) AS l ON a.action_id = l.action_id
) AS t
GROUP BY tenant_id, agent_id, version_hash
