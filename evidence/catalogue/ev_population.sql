-- id: ev_population
-- number: 1
-- section: A
-- question: What is the full population of recorded actions, is any of it there twice, and is all of it sealed?
-- controls: CC2.1 PI1.5 A.8.15 A.5.28 42001-A.6.2.8 AIA-12
-- shows: records
-- column: tenant_id # tenant
-- column: month # first day of it, UTC
-- column: agent # agent that acted, empty where that is not known
-- column: rows_stored # rows in the store, with those that are there twice
-- column: actions # distinct actions: the population to sample from
-- column: redelivered # rows_stored that repeat an action
-- column: sealed_rows # rows_stored of a batch that a signed leaf vouches for
-- column: unsealed_rows # the others
-- column: first_ts # when the first action began
-- column: last_ts # when the last one began
-- not_observed: No collector was there in the period: what happened is not known.
-- zero: Collectors were there, and no action was recorded.
SELECT
    a.tenant_id AS tenant_id, toStartOfMonth(a.ts) AS month, if(a.agent_id = '', late.late_agent, toString(a.agent_id)) AS agent,
    count() AS rows_stored, uniqExact(a.action_id) AS actions, rows_stored - actions AS redelivered,
    countIf((a.writer_id, a.writer_epoch, a.batch_id) IN
    (
        SELECT writer_id, writer_epoch, batch_id
        FROM {db}.ledger_batches{all}
        -- a row is sealed at the earliest when it happened, but for clocks that differ
        WHERE entry_kind = 'batch' AND table_name = 'actions' AND sealed_at >= {period_start:DateTime64(3,'UTC')} - INTERVAL 2 DAY
    )) AS sealed_rows,
    rows_stored - sealed_rows AS unsealed_rows, min(a.ts) AS first_ts, max(a.ts) AS last_ts
FROM {db}.actions{all} AS a
LEFT JOIN
(
    SELECT action_id, toString(argMax(agent_id, observed_at)) AS late_agent
    FROM {db}.attributions{all}
    WHERE agent_id != '' AND observed_at >= {period_start:DateTime64(3,'UTC')} - INTERVAL 1 DAY
    GROUP BY action_id
) AS late ON a.action_id = late.action_id
WHERE a.ts >= {period_start:DateTime64(3,'UTC')} AND a.ts < {period_end:DateTime64(3,'UTC')}
GROUP BY tenant_id, month, agent
ORDER BY tenant_id, month, agent
