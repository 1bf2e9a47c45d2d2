-- id: ev_auth_methods
-- number: 24
-- section: B
-- question: How did agents, callers and those they act for authenticate, and which identities are shared?
-- controls: CC6.1 A.8.5 A.5.17
-- shows: records
-- column: tenant_id # tenant
-- column: actor # id
-- column: actor_type # agent, caller (who asked for decisions), or the principal's type: user, service, system
-- column: auth_method # of an agent how the decision receiver bound it (spiffe, oauth_client_id, k8s, subject, attr), of a caller what it showed (credential, or none: known by its address only), of a principal how well it is known (verified, declared, platform, inferred); not_recorded: nobody asked for a decision as this agent
-- column: services # services that act under it
-- column: hosts # hosts, or instances of services where no host is named
-- column: actions # actions, or decisions asked for, under this method
-- column: shared # 1 if one principal or credential is used by several services or hosts, or a finding says that an agent's id is; of an agent replicas are fine
-- not_observed: No collector was there in the period.
-- zero: Collectors were there, and no action named an agent or a principal.
SELECT tenant_id, actor, actor_type, m.1 AS auth_method, services, hosts, m.2 AS actions,
    if(actor_type = 'agent', (tenant_id, actor) IN (SELECT tenant_id, agent_id FROM {db}.ev_finding_events(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')}) WHERE type = 'delegation.shared_identity' AND state = 'firing'),
        auth_method != 'none' AND (length(services) > 1 OR length(hosts) > 1)) AS shared
FROM
(
    SELECT
        tenant_id, actor, actor_type, if(actor_type = 'agent', '', how) AS by_method,
        arraySort(groupUniqArrayIf(service, service != '')) AS services, arraySort(groupUniqArrayIf(host, host != '')) AS hosts,
        -- how an agent was bound is known of decisions, where it acts of actions
        sumMapIf([how], [n], how != 'not_recorded') AS known,
        arrayJoin(if(empty(known.1), [('not_recorded', sum(n))], arrayZip(known.1, known.2))) AS m
    FROM
    (
        SELECT tenant_id, a.1 AS actor, a.2 AS actor_type, a.3 AS how, service, host, n
        FROM
        (
            SELECT tenant_id, toString(agent_id) AS agent_id, principal_id, toString(principal_type) AS principal_type, toString(principal_grade) AS principal_grade, toString(service_name) AS service,
                if(resource['host.name'] != '', resource['host.name'], resource['service.instance.id']) AS host, count() AS n
            FROM {db}.ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
            WHERE kind NOT IN ('decision', 'other') AND (agent_id != '' OR principal_id != '')
            GROUP BY tenant_id, agent_id, principal_id, principal_type, principal_grade, service, host
        )
        ARRAY JOIN arrayFilter(a -> a.1 != '', [(agent_id, 'agent', 'not_recorded'),
            (principal_id, if(principal_type = '', 'unknown', principal_type), if(principal_grade = '', 'unknown', principal_grade))]) AS a
        UNION ALL
        SELECT tenant_id, d.1, d.2, d.3, d.4, d.5, n
        FROM
        (
            -- adapter:authzen/spiffe://acme/gateway@10.0.0.7
            SELECT tenant_id, toString(agent_id) AS agent_id, bound_by, requested_by, count() AS n,
                replaceRegexpOne(requested_by, '^adapter:[^/@]*/?(.*)@[^@]*$', '\\1') AS credential, replaceRegexpOne(requested_by, '^.*@', '') AS address
            FROM {db}.ev_decisions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
            WHERE decided_by_type = 'policy'
            GROUP BY tenant_id, agent_id, bound_by, requested_by
        )
        ARRAY JOIN arrayFilter(d -> d.1 != '', [(agent_id, 'agent', if(bound_by = '', 'unknown', bound_by), '', ''),
            (if(credential = '', address, credential), 'caller', if(credential = '', 'none', 'credential'), replaceRegexpOne(requested_by, '^adapter:([^/@]*).*$', '\\1'), address)]) AS d
    )
    GROUP BY tenant_id, actor, actor_type, by_method
)
ORDER BY tenant_id, actor_type, actor, auth_method
