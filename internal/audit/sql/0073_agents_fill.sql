-- filling table agents with what was stored before it was there
INSERT INTO {db}.agents
    (tenant_id, agent_id, version_hash, agent_name, agent_version, prompt_digest, tools_digest, model, config, first_seen, last_seen, tools, models, services, entries, last_judged, last_unregistered)
SELECT
    tenant_id, agent_id,
    if(kind = 'inference' OR prompt != '' OR offered != '', lower(hex(sipHash128(said, prompt, offered, asked, settings))), '') AS version_hash,
    anyLast(toString(agent_name)) AS agent_name,
    anyLast(said) AS agent_version, anyLast(prompt) AS prompt_digest, anyLast(offered) AS tools_digest, anyLast(asked) AS model, anyLast(settings) AS config,
    min(toDateTime64(ts, 3, 'UTC')) AS first_seen, max(toDateTime64(ts, 3, 'UTC')) AS last_seen,
    groupUniqArrayIf(toString(tool_name), tool_name != '') AS tools,
    groupUniqArrayIf(toString(if(response_model != '', response_model, request_model)), request_model != '' OR response_model != '') AS models,
    groupUniqArrayIf(toString(service_name), service_name != '') AS services,
    groupUniqArrayIf(entry, entry != '') AS entries,
    maxOrNullIf(toDateTime64(ts, 3, 'UTC'), boundary_verdict IN ('respected', 'violation')) AS last_judged,
    maxOrNullIf(toDateTime64(ts, 3, 'UTC'), boundary_verdict = 'unregistered') AS last_unregistered
FROM
(
    SELECT
        tenant_id, agent_id, agent_name, kind, ts, tool_name, request_model, response_model, service_name, boundary_verdict,
        toString(agent_version) AS said, attrs['spanwarden.boundary.agent'] AS entry,
        -- a prompt with a name of its own is known by that: what is filled in differs from call to call
        if(attrs['gen_ai.prompt.name'] != '', attrs['gen_ai.prompt.name'] || '@' || attrs['gen_ai.prompt.version'], attrs['spanwarden.agent.prompt_digest']) AS prompt,
        attrs['spanwarden.agent.tools_digest'] AS offered,
        if(kind = 'inference', toString(if(request_model != '', request_model, response_model)), '') AS asked,
        if(kind != 'inference', '', arrayStringConcat(arrayMap(k -> k || '=' || attrs['gen_ai.request.' || k],
            arrayFilter(k -> mapContains(attrs, 'gen_ai.request.' || k), ['temperature', 'top_p', 'top_k', 'max_tokens'])), ' ')) AS settings
    FROM {db}.actions{all}
    WHERE agent_id != '' AND kind NOT IN ('decision', 'other')
)
GROUP BY tenant_id, agent_id, version_hash
