-- creating view agent_changes
-- What was new of an agent, and when it was first used: the agent itself, then each
-- value of version, prompt, tools (on offer), model and config (settings of model
-- calls) that is not its first, and each tool that it used not on its first day, where
-- nothing says which tools were on offer. Changes of an agent within an hour of the one
-- before are one, change_no.
--
-- The approval of a change is the registry's. One that names the agent's version is for
-- that, any other for one change only: the last before it, where that has none and is
-- nearer in time than the next one, else that.
CREATE OR REPLACE VIEW {db}.agent_changes{on_cluster} AS
WITH
(
    SELECT groupArray(tuple(tenant_id, agent_id, agent_version, tuple(change_ticket, requested_by, approved_by, approved_at)))
    FROM
    (
        SELECT DISTINCT tenant_id, agent_id, agent_version, change_ticket, requested_by, approved_by, assumeNotNull(approved_at) AS approved_at
        FROM {db}.agent_registry
        WHERE approved_by != '' AND isNotNull(agent_registry.approved_at)
    )
) AS every_approval
SELECT
    tenant_id, agent_id, what, before, value, first_used, last_used, change_no, change_at, version,
    given.1 AS ticket, given.2 AS requested_by, given.3 AS approved_by, if(given.3 = '', NULL, given.4) AS approved_at
FROM
(
    -- of several that name the version the last one in time, else the first one that came too late
    SELECT
        tenant_id, agent_id, r.1 AS what, r.2 AS before, r.3 AS value, r.4 AS first_used, r.5 AS last_used, r.6 AS change_no, r.7 AS change_at, if(r.8 != '', r.8, r.9) AS version,
        arraySort(a -> (a.4 > r.7, if(a.4 > r.7, 1, -1) * toUnixTimestamp64Milli(a.4)), arrayMap(a -> a.4, arrayFilter(a -> a.3 != '' AND a.3 = r.8, approvals)))[1] AS by_name,
        if(by_name.3 != '', by_name, arrayFirst(x -> x.1 = r.6, assigned).2) AS given
    FROM
    (
    SELECT
        tenant_id, agent_id, news, approvals,
        -- (change that waits for an approval, or -1, its time, an approval that waits for a change, what belongs together)
        arrayFold(
            (acc, e) -> multiIf(
                e.2 = 0 AND acc.1 >= 0 AND dateDiff('second', acc.2, e.1) <= dateDiff('second', e.1, e.5), (toInt64(-1), acc.2, acc.3, arrayPushBack(acc.4, (acc.1, e.4))),
                e.2 = 0, (acc.1, acc.2, e.4, acc.4),
                acc.3.3 != '', (toInt64(-1), e.1, ('', '', '', toDateTime64(0, 3, 'UTC')), arrayPushBack(acc.4, (e.3, acc.3))),
                (e.3, e.1, acc.3, acc.4)),
            events,
            (toInt64(-1), toDateTime64(0, 3, 'UTC'), ('', '', '', toDateTime64(0, 3, 'UTC')), CAST([], 'Array(Tuple(Int64, Tuple(String, String, String, DateTime64(3, \'UTC\'))))'))).4 AS assigned
    FROM
    (
    SELECT
        tenant_id, agent_id, news, approvals,
        -- changes and approvals in the order of time: (time, is a change, its number, the approval, the next change's time)
        arraySort(e -> (e.1, e.2), arrayConcat(
            arrayMap(a -> (a.4.4, 0, toInt64(0), a.4, arrayFirst(t -> t > a.4.4, arrayPushBack(arrayMap(c -> c.1, changes), toDateTime64('2200-01-01', 3, 'UTC')))),
                arrayFilter(a -> a.3 = '', approvals)),
            arrayMap(c -> (c.1, 1, c.2, ('', '', '', toDateTime64(0, 3, 'UTC')), c.1), changes))) AS events
    FROM
    (
    SELECT
        tenant_id, agent_id, news, approvals,
        arrayFilter(c -> NOT arrayExists(a -> a.3 != '' AND a.3 = c.3, approvals), arraySort(arrayDistinct(arrayMap(n -> (n.7, n.6, n.8), news)))) AS changes
    FROM
    (
    SELECT
        tenant_id, agent_id, news,
        arrayFilter(a -> a.1 IN ('', tenant_id) AND (a.2 = agent_id OR has(known_as, a.2)), every_approval) AS approvals
    FROM
    (
        SELECT
            tenant_id, agent_id, any(known_as) AS known_as,
            groupArray((what, before, value, first_used, last_used, change_no, change_at, version_at, hash_at)) AS news
        FROM
        (
            SELECT *,
                min(first_used) OVER c AS change_at,
                argMax(with_version, (with_version != '', first_used)) OVER c AS version_at,
                argMax(with_hash, (with_hash != '', first_used)) OVER c AS hash_at
            FROM
            (
                SELECT *, sum(apart) OVER (PARTITION BY tenant_id, agent_id ORDER BY first_used, what, value ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)::Int64 AS change_no
                FROM
                (
                    SELECT *, dateDiff('second', lagInFrame(first_used, 1, first_used) OVER
                        (PARTITION BY tenant_id, agent_id ORDER BY first_used, what, value ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), first_used) > 3600 AS apart
                    FROM
                    (
                        SELECT
                            tenant_id, agent_id, what, value, first_used, last_used, with_version, with_hash,
                            lagInFrame(if(what IN ('agent', 'tool'), '', value)) OVER
                                (PARTITION BY tenant_id, agent_id, what ORDER BY first_used, value ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS before,
                            row_number() OVER (PARTITION BY tenant_id, agent_id, what ORDER BY first_used, value) AS nth,
                            minIf(first_used, what = 'agent') OVER a AS born,
                            max(what = 'tools') OVER a AS offers_known,
                            groupUniqArrayArray(entry_ids) OVER a AS known_as
                        FROM
                        (
                            SELECT
                                tenant_id, toString(agent_id) AS agent_id, f.1 AS what, f.2 AS value, min(first_seen) AS first_used, max(last_seen) AS last_used,
                                argMin(agent_version, (agent_version = '', first_seen)) AS with_version, argMin(version_hash, (version_hash = '', first_seen)) AS with_hash,
                                groupUniqArrayArray(entries) AS entry_ids
                            FROM {db}.ev_agents
                            ARRAY JOIN [('agent', toString(agent_id)), ('version', agent_version), ('prompt', prompt_digest), ('tools', tools_digest), ('model', model), ('config', config)] AS f
                            WHERE f.2 != ''
                            GROUP BY tenant_id, agent_id, what, value
                            UNION ALL
                            SELECT
                                tenant_id, toString(agent_id) AS agent_id, 'tool', toString(tool_name) AS value,
                                toDateTime64(min(ts), 3, 'UTC'), toDateTime64(max(ts), 3, 'UTC'), '', '', CAST([], 'Array(String)')
                            FROM {db}.actions{all}
                            WHERE agent_id != '' AND tool_name != '' AND kind NOT IN ('decision', 'other')
                            GROUP BY tenant_id, agent_id, value
                        )
                        WINDOW a AS (PARTITION BY tenant_id, agent_id)
                    )
                    WHERE multiIf(what = 'agent', 1, what = 'tool', NOT offers_known AND toDate(first_used) > toDate(born), nth > 1)
                )
            )
            WINDOW c AS (PARTITION BY tenant_id, agent_id, change_no)
        )
        GROUP BY tenant_id, agent_id
    )
    )
    )
    )
    )
    ARRAY JOIN news AS r
)
