-- id: ev_retention
-- number: 15
-- section: A
-- question: Is evidence kept as long as it must be, and deleted after that?
-- controls: C1.2 P4.2 P4.3 A.5.33 A.8.10 AIA-19 AIA-26(6) 17a-4
-- shows: records
-- column: table # of the store
-- column: partition # month, as YYYYMM
-- column: rows # that are there; of what was taken out, how many there were
-- column: oldest # of these rows
-- column: newest # of these rows
-- column: policy_days # how long rows are kept; 0 is for ever; empty where nobody said
-- column: hold # 1: a legal hold that is in force covers rows of the partition; 0: none does
-- column: due # 1: the time of all its rows is over and no hold keeps them; 0: not so; empty where no policy is known
-- column: purged_by # who took it out; empty: it is there
-- column: purged_at # when that was put on record, which is before it was done
-- column: policy # version of the policy, or reason, by which it was taken out
-- not_observed: No collector ever sealed anything, and there are no rows.
-- zero: The store is empty, and nothing was taken out of it.
WITH
-- what the newest leaf of each log that says so says: the longest counts
(
    SELECT if(count() = 0, NULL, if(min(days) = 0, 0, max(days)))
    FROM
    (
        SELECT toInt64OrNull(argMax(detail['retention_days'], seq)) AS days
        FROM {db}.ledger_batches{all}
        PREWHERE entry_kind IN ('genesis', 'config_change')
        WHERE detail['retention_days'] != ''
        GROUP BY writer_id, writer_epoch
    )
) AS kept_days,
parts AS
(
    SELECT 'actions' AS table_name, toString(toYYYYMM(ts)) AS partition, count() AS rows, toDateTime64(min(ts), 3, 'UTC') AS oldest, toDateTime64(max(ts), 3, 'UTC') AS newest
    FROM {db}.actions{all}
    GROUP BY partition
    UNION ALL
    SELECT 'attributions' AS table_name, toString(toYYYYMM(settled_ts)) AS partition, count() AS rows, toDateTime64(min(settled_ts), 3, 'UTC') AS oldest, toDateTime64(max(settled_ts), 3, 'UTC') AS newest
    FROM {db}.attributions{all}
    GROUP BY partition
    UNION ALL
    SELECT 'finding_events' AS table_name, toString(toYYYYMM(ts)) AS partition, count() AS rows, toDateTime64(min(ts), 3, 'UTC') AS oldest, toDateTime64(max(ts), 3, 'UTC') AS newest
    FROM {db}.finding_events{all}
    GROUP BY partition
    UNION ALL
    SELECT 'config_versions' AS table_name, toString(toYYYYMM(ts)) AS partition, count() AS rows, toDateTime64(min(ts), 3, 'UTC') AS oldest, toDateTime64(max(ts), 3, 'UTC') AS newest
    FROM {db}.config_versions{all}
    GROUP BY partition
    UNION ALL
    SELECT 'runs' AS table_name, toString(toYYYYMM(recorded_at)) AS partition, count() AS rows, toDateTime64(min(recorded_at), 3, 'UTC') AS oldest, toDateTime64(max(recorded_at), 3, 'UTC') AS newest
    FROM {db}.runs{all}
    GROUP BY partition
    UNION ALL
    SELECT 'delegations' AS table_name, toString(toYYYYMM(recorded_at)) AS partition, count() AS rows, toDateTime64(min(recorded_at), 3, 'UTC') AS oldest, toDateTime64(max(recorded_at), 3, 'UTC') AS newest
    FROM {db}.delegations{all}
    GROUP BY partition
    UNION ALL
    SELECT 'chains' AS table_name, toString(toYYYYMM(recorded_at)) AS partition, count() AS rows, toDateTime64(min(recorded_at), 3, 'UTC') AS oldest, toDateTime64(max(recorded_at), 3, 'UTC') AS newest
    FROM {db}.chains{all}
    GROUP BY partition
    UNION ALL
    SELECT 'content' AS table_name, toString(toYYYYMM(ts)) AS partition, count() AS rows, toDateTime64(min(ts), 3, 'UTC') AS oldest, toDateTime64(max(ts), 3, 'UTC') AS newest
    FROM {db}.content{all}
    GROUP BY partition
    UNION ALL
    SELECT 'legal_holds' AS table_name, toString(toYYYYMM(ts)) AS partition, count() AS rows, toDateTime64(min(ts), 3, 'UTC') AS oldest, toDateTime64(max(ts), 3, 'UTC') AS newest
    FROM {db}.legal_holds{all}
    GROUP BY partition
    UNION ALL
    SELECT 'retention_events' AS table_name, toString(toYYYYMM(ts)) AS partition, count() AS rows, toDateTime64(min(ts), 3, 'UTC') AS oldest, toDateTime64(max(ts), 3, 'UTC') AS newest
    FROM {db}.retention_events{all}
    GROUP BY partition
    UNION ALL
    SELECT 'ledger_batches' AS table_name, toString(toYYYYMM(sealed_at)) AS partition, count() AS rows, toDateTime64(min(sealed_at), 3, 'UTC') AS oldest, toDateTime64(max(sealed_at), 3, 'UTC') AS newest
    FROM {db}.ledger_batches{all}
    GROUP BY partition
    UNION ALL
    SELECT 'ledger_checkpoints' AS table_name, toString(toYYYYMM(ts)) AS partition, count() AS rows, toDateTime64(min(ts), 3, 'UTC') AS oldest, toDateTime64(max(ts), 3, 'UTC') AS newest
    FROM {db}.ledger_checkpoints{all}
    GROUP BY partition
),
lines AS
(
    SELECT table_name, partition, rows, toNullable(oldest) AS oldest, toNullable(newest) AS newest, '' AS purged_by, CAST(NULL AS Nullable(DateTime64(3, 'UTC'))) AS purged_at, '' AS policy, CAST(NULL AS Nullable(Int64)) AS said_days
    FROM parts
    UNION ALL
    SELECT toString(table_name), partition_id, rows, toDateTime64(min_ts, 3, 'UTC'), toDateTime64(max_ts, 3, 'UTC'), executed_by, toDateTime64(ts, 3, 'UTC'), if(policy_version = '', reason, toString(policy_version)), toInt64(policy_days)
    FROM {db}.ev_retention_events(period_start = toDateTime64('2000-01-01 00:00:00', 3, 'UTC'), period_end = toDateTime64('2200-01-01 00:00:00', 3, 'UTC'))
)
SELECT
    l.table_name AS table, partition, rows, oldest, newest,
    multiIf(said_days IS NOT NULL, said_days, table = 'content', 30, table IN ('legal_holds', 'retention_events', 'config_versions', 'ledger_batches', 'ledger_checkpoints'), 0, kept_days) AS policy_days,
    toUInt8(purged_by = '' AND arrayExists(
        h -> h.1 IN ('*', table) AND (h.2 IS NULL OR h.2 <= newest) AND (h.3 IS NULL OR h.3 >= oldest),
        (SELECT groupArray((toString(table_name), period_from, period_to)) FROM {db}.ev_legal_holds WHERE active))) AS hold,
    multiIf(purged_by != '', 0, policy_days IS NULL, NULL, policy_days > 0 AND hold = 0 AND newest < now64(3) - toIntervalDay(policy_days), 1, 0) AS due,
    purged_by, purged_at, policy
FROM lines AS l
ORDER BY table, partition, purged_at, purged_by, rows
