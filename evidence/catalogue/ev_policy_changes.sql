-- id: ev_policy_changes
-- number: 39
-- section: D
-- question: Which policies, rules and prices were in force when, what changed, who changed it, and when was it first applied?
-- controls: CC5.3 CC8.1 A.5.1 A.5.36 A.8.9 A.8.32
-- shows: records
-- param: kind String = # only this kind: registry, budgets, prices, baseline, …
-- column: tenant_id # tenant, empty: for all
-- column: kind # of the configuration
-- column: id # component that loaded it
-- column: version # version
-- column: digest # of the content: the version where it is one, else SHA-256 of the recorded content, empty where none is recorded
-- column: effective_from # when it came into force, or was refused
-- column: effective_to # when the same collector told of the next version in force, NULL: it still was at the end of the period
-- column: status # in_force, or refused: the version before it stayed in force
-- column: by # who, empty where nobody is named
-- column: ticket # that was named, of a registry those of the entries that changed
-- column: approved_by # of a registry: who approved the entries that changed
-- column: first_enforced # first action, decision or finding that names the version, NULL: none before the end of the period
-- column: previous # version
-- column: refused_reason # why
-- column: changed # what changed
-- column: files # from which it was read
-- column: diff # as the component states it
-- column: content # as far as it is recorded
-- column: message # one sentence
-- column: writer_id # of the collector that told
-- column: finding # id of the finding that told
-- watched: SELECT count() FROM {db}.config_versions{all} WHERE ts < {period_end:DateTime64(3,'UTC')} AND kind != 'collector'
-- not_observed: No collector was there, or none ever told which policy it had in force.
-- zero: Policies were in force, and none was loaded, changed or refused in the period.
WITH
versions AS
(
    SELECT
        *,
        -- of the entries that changed: agent, entry, JSON
        arrayMap(e -> arrayElement(splitByChar('\t', e, 3), 3), arrayFilter(e -> match(e, '^[^\t]*\tentry\t')
            AND arrayExists(k -> startsWith(k, concat(splitByChar('\t', e)[1], ' ')), changed_keys), declared)) AS entries,
        arrayDistinct(arrayFilter(x -> x != '', arrayMap(e -> JSONExtractString(e, 'ticket'), entries))) AS tickets,
        arrayDistinct(arrayFilter(x -> x != '', arrayMap(e -> JSONExtractString(e, 'approved_by'), entries))) AS approvers,
        leadInFrame(toNullable(ts)) OVER (PARTITION BY tenant_id, writer_id, kind, component, refused ORDER BY ts, version ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS next
    FROM {db}.ev_config_versions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE kind != 'collector' AND ({kind:String} = '' OR kind = {kind:String})
),
applied AS
(
    SELECT version, min(at) AS at
    FROM
    (
        SELECT toString(policy_version) AS version, min(ts) AS at
        FROM {db}.actions{all}
        WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')} AND policy_version != ''
        GROUP BY version
        UNION ALL
        SELECT toString(cost_book), min(ts)
        FROM {db}.actions{all}
        WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')} AND cost_book != ''
        GROUP BY cost_book
        UNION ALL
        SELECT toString(policy_version), min(ts)
        FROM {db}.finding_events{all}
        WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')} AND policy_version != '' AND type != 'config.changed'
        GROUP BY policy_version
    )
    GROUP BY version
)
SELECT
    v.tenant_id AS tenant_id, v.kind AS kind, v.component AS id, v.version AS version,
    multiIf(startsWith(v.version, 'sha256:'), v.version, v.content != '', concat('sha256:', lower(hex(SHA256(v.content)))), '') AS digest,
    v.ts AS effective_from, if(v.refused, NULL, v.next) AS effective_to, if(v.refused, 'refused', 'in_force') AS status,
    v.by_principal AS by, if(v.extra['spanwarden.config.ticket'] != '', v.extra['spanwarden.config.ticket'], arrayStringConcat(v.tickets, ', ')) AS ticket,
    arrayStringConcat(v.approvers, ', ') AS approved_by,
    if(a.version = '' OR v.refused, NULL, toNullable(a.at)) AS first_enforced,
    v.previous AS previous, v.refused_reason AS refused_reason, v.changed_keys AS changed, v.files AS files, v.diff AS diff, v.content AS content, v.message AS message,
    v.writer_id AS writer_id, v.finding_id AS finding
FROM versions AS v
LEFT JOIN applied AS a ON a.version = v.version
ORDER BY v.ts, v.tenant_id, v.kind, v.component, v.version
