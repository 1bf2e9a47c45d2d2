-- creating view ev_legal_holds
CREATE OR REPLACE VIEW {db}.ev_legal_holds{on_cluster} AS
SELECT
    hold_id,
    countIf(h.event = 'released') = 0 AS active,
    argMinIf(h.matter, h.ts, h.event = 'placed') AS matter,
    argMinIf(h.tenant, h.ts, h.event = 'placed') AS tenant,
    argMinIf(h.table_name, h.ts, h.event = 'placed') AS table_name,
    tupleElement(argMinIf(tuple(h.period_from), h.ts, h.event = 'placed'), 1) AS period_from,
    tupleElement(argMinIf(tuple(h.period_to), h.ts, h.event = 'placed'), 1) AS period_to,
    minIf(h.ts, h.event = 'placed') AS placed_at,
    argMinIf(h.by_principal, h.ts, h.event = 'placed') AS placed_by,
    argMinIf(h.reason, h.ts, h.event = 'placed') AS placed_reason,
    if(active, NULL, minIf(h.ts, h.event = 'released')) AS released_at,
    argMinIf(h.by_principal, h.ts, h.event = 'released') AS released_by,
    argMinIf(h.reason, h.ts, h.event = 'released') AS released_reason
FROM {db}.legal_holds{all} AS h
GROUP BY hold_id
HAVING countIf(h.event = 'placed') > 0
