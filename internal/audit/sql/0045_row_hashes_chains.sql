-- creating view row_hashes_chains
CREATE OR REPLACE VIEW {db}.row_hashes_chains{on_cluster} AS
SELECT
    writer_id, writer_epoch, batch_id, row_ix, `recorded_at` AS row_time, inserted_at,
    hex(SHA256(concat(unhex('00'), concat(
        concat(toString(length(`tenant_id`)), ':', `tenant_id`, ','),
        concat(toString(length(`chain_id`)), ':', `chain_id`, ','),
        concat(toString(length(toString(`revision`))), ':', toString(`revision`), ','),
        concat(toString(length(`supersedes`)), ':', `supersedes`, ','),
        concat(toString(length(arrayStringConcat(arrayMap(x -> concat(toString(length(x)), ':', x, ','), `reasons`)))), ':', arrayStringConcat(arrayMap(x -> concat(toString(length(x)), ':', x, ','), `reasons`)), ','),
        concat(toString(length(`principal_id`)), ':', `principal_id`, ','),
        concat(toString(length(`principal_type`)), ':', `principal_type`, ','),
        concat(toString(length(`principal_grade`)), ':', `principal_grade`, ','),
        concat(toString(length(arrayStringConcat(arrayMap((k, v) -> concat(toString(length(k)), ':', k, ',', toString(length(v)), ':', v, ','), mapKeys(mapSort(`extra`)), mapValues(mapSort(`extra`)))))), ':', arrayStringConcat(arrayMap((k, v) -> concat(toString(length(k)), ':', k, ',', toString(length(v)), ':', v, ','), mapKeys(mapSort(`extra`)), mapValues(mapSort(`extra`)))), ','),
        concat(toString(length(toString(`attrs_truncated`))), ':', toString(`attrs_truncated`), ','),
        concat(toString(length(`superseded_by`)), ':', `superseded_by`, ','),
        concat(toString(length(`state`)), ':', `state`, ','),
        concat(toString(length(`verdict`)), ':', `verdict`, ','),
        concat(toString(length(`grade`)), ':', `grade`, ','),
        concat(toString(length(ifNull(toString(`depth`), ''))), ':', ifNull(toString(`depth`), ''), ','),
        concat(toString(length(`root_run_id`)), ':', `root_run_id`, ','),
        concat(toString(length(`root_agent_id`)), ':', `root_agent_id`, ','),
        concat(toString(length(ifNull(toString(`runs`), ''))), ':', ifNull(toString(`runs`), ''), ','),
        concat(toString(length(ifNull(toString(`edges`), ''))), ':', ifNull(toString(`edges`), ''), ','),
        concat(toString(length(ifNull(toString(toUnixTimestamp64Nano(`first_at`)), ''))), ':', ifNull(toString(toUnixTimestamp64Nano(`first_at`)), ''), ','),
        concat(toString(length(ifNull(toString(toUnixTimestamp64Nano(`last_at`)), ''))), ':', ifNull(toString(toUnixTimestamp64Nano(`last_at`)), ''), ','),
        concat(toString(length(ifNull(toString(toUnixTimestamp64Nano(`settled_at`)), ''))), ':', ifNull(toString(toUnixTimestamp64Nano(`settled_at`)), ''), ','),
        concat(toString(length(toString(`schema_v`))), ':', toString(`schema_v`), ','),
        concat(toString(length(toString(toUnixTimestamp64Nano(`recorded_at`)))), ':', toString(toUnixTimestamp64Nano(`recorded_at`)), ','),
        concat(toString(length(`ts_quality`)), ':', `ts_quality`, ','),
        concat(toString(length(toString(toUnixTimestamp64Nano(`observed_at`)))), ':', toString(toUnixTimestamp64Nano(`observed_at`)), ','))))) AS row_hash
FROM {db}.chains{all}
