-- creating view agent_registry
-- The register of agents: a row is an agent's entry in a version of the registry, read
-- from the sealed rows of config_versions. recorded_at is when a collector put that
-- version in force, and tenant_id '' is the registry of all tenants.
CREATE OR REPLACE VIEW {db}.agent_registry{on_cluster} AS
SELECT
    tenant_id, agent_id, version AS registry_version,
    JSONExtractString(entry, 'version') AS agent_version,
    JSONExtract(entry, 'versions', 'Array(String)') AS agent_versions,
    JSONExtractString(entry, 'owner') AS owner,
    JSONExtractString(entry, 'purpose') AS purpose,
    JSONExtractString(entry, 'risk_tier') AS risk_tier,
    arrayMap(d -> substring(d, length(agent_id) + 7), arrayFilter(d -> startsWith(d, agent_id || '\ttool\t'), declared)) AS allowed_tools,
    JSONExtract(entry, 'scopes', 'Array(String)') AS allowed_scopes,
    JSONExtractString(entry, 'ticket') AS change_ticket,
    JSONExtractString(entry, 'requested_by') AS requested_by,
    JSONExtractString(entry, 'approved_by') AS approved_by,
    parseDateTime64BestEffortOrNull(JSONExtractString(entry, 'approved_at'), 3, 'UTC') AS approved_at,
    parseDateTime64BestEffortOrNull(JSONExtractString(entry, 'valid_from'), 3, 'UTC') AS valid_from,
    parseDateTime64BestEffortOrNull(JSONExtractString(entry, 'valid_to'), 3, 'UTC') AS valid_to,
    JSONExtractString(entry, 'digest') AS source_digest,
    toDateTime64(ts, 3, 'UTC') AS recorded_at
FROM
(
    SELECT
        tenant_id, version, declared, ts,
        arrayJoin(arrayFilter(d -> splitByChar('\t', d)[2] = 'entry', declared)) AS d,
        splitByChar('\t', d)[1] AS agent_id, substring(d, length(agent_id) + 8) AS entry
    FROM
    (
        SELECT tenant_id, version, declared, ts, finding_id
        FROM {db}.config_versions{all}
        WHERE kind = 'registry' AND NOT refused
        LIMIT 1 BY tenant_id, finding_id, ts
    )
)
