-- id: config-versions
-- question: Which policy and configuration was in force when, what changed, who changed it, and what was refused?
-- controls: CC8.1 CC5.3 A.8.9 A.8.32 A.5.1
-- param: kind String = # only this kind: registry, budgets, prices, …
-- empty: No policy file was loaded, changed or refused in the period.
SELECT
    ts, tenant_id, component, kind, version, previous, if(refused, 'refused', 'in_force') AS status, refused_reason,
    changed_keys, files, by_principal, diff, message, finding_id
FROM ev_config_versions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
WHERE {kind:String} = '' OR kind = {kind:String}
ORDER BY ts, kind, version
