-- creating view ev_rules
-- Which rules a version of configuration made each collector look for, from when to
-- when: until the collector told of another version of the same kind.
CREATE OR REPLACE VIEW {db}.ev_rules{on_cluster} AS
SELECT
    writer_id, kind, component, version, in_force_from,
    if(next > in_force_from, next, toDateTime64('2261-01-01 00:00:00', 9, 'UTC')) AS in_force_to,
    JSONExtract(rules, 'Array(String)') AS rules
FROM
(
    SELECT
        writer_id, kind, component, version, ts AS in_force_from, extra['spanwarden.config.rules'] AS rules,
        leadInFrame(ts) OVER (PARTITION BY writer_id, kind, component ORDER BY ts, version ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS next
    FROM
    (
        SELECT * FROM {db}.config_versions{all}
        WHERE ts < {period_end:DateTime64(3,'UTC')} AND refused = 0 AND mapContains(extra, 'spanwarden.config.rules')
        LIMIT 1 BY writer_id, kind, component, version, ts
    )
)
WHERE in_force_to > {period_start:DateTime64(3,'UTC')}
