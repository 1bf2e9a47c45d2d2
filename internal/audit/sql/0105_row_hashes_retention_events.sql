-- creating view row_hashes_retention_events
CREATE OR REPLACE VIEW {db}.row_hashes_retention_events{on_cluster} AS
SELECT
    writer_id, writer_epoch, batch_id, row_ix, `ts` AS row_time, inserted_at,
    hex(SHA256(concat(unhex('00'), concat(
        concat(toString(length(`event_id`)), ':', `event_id`, ','),
        concat(toString(length(`kind`)), ':', `kind`, ','),
        concat(toString(length(`table_name`)), ':', `table_name`, ','),
        concat(toString(length(`partition_id`)), ':', `partition_id`, ','),
        concat(toString(length(toString(`rows`))), ':', toString(`rows`), ','),
        concat(toString(length(ifNull(toString(toUnixTimestamp64Nano(`min_ts`)), ''))), ':', ifNull(toString(toUnixTimestamp64Nano(`min_ts`)), ''), ','),
        concat(toString(length(ifNull(toString(toUnixTimestamp64Nano(`max_ts`)), ''))), ':', ifNull(toString(toUnixTimestamp64Nano(`max_ts`)), ''), ','),
        concat(toString(length(`policy_version`)), ':', `policy_version`, ','),
        concat(toString(length(ifNull(toString(`policy_days`), ''))), ':', ifNull(toString(`policy_days`), ''), ','),
        concat(toString(length(toString(`legal_hold`))), ':', toString(`legal_hold`), ','),
        concat(toString(length(ifNull(toString(`seq_from`), ''))), ':', ifNull(toString(`seq_from`), ''), ','),
        concat(toString(length(ifNull(toString(`seq_to`), ''))), ':', ifNull(toString(`seq_to`), ''), ','),
        concat(toString(length(arrayStringConcat(arrayMap(x -> concat(toString(length(x)), ':', x, ','), `logs`)))), ':', arrayStringConcat(arrayMap(x -> concat(toString(length(x)), ':', x, ','), `logs`)), ','),
        concat(toString(length(arrayStringConcat(arrayMap((k, v) -> concat(toString(length(k)), ':', k, ',', toString(length(v)), ':', v, ','), mapKeys(mapSort(`criteria`)), mapValues(mapSort(`criteria`)))))), ':', arrayStringConcat(arrayMap((k, v) -> concat(toString(length(k)), ':', k, ',', toString(length(v)), ':', v, ','), mapKeys(mapSort(`criteria`)), mapValues(mapSort(`criteria`)))), ','),
        concat(toString(length(arrayStringConcat(arrayMap(x -> concat(toString(length(x)), ':', x, ','), `digests`)))), ':', arrayStringConcat(arrayMap(x -> concat(toString(length(x)), ':', x, ','), `digests`)), ','),
        concat(toString(length(`executed_by`)), ':', `executed_by`, ','),
        concat(toString(length(`reason`)), ':', `reason`, ','),
        concat(toString(length(toString(`schema_v`))), ':', toString(`schema_v`), ','),
        concat(toString(length(toString(toUnixTimestamp64Nano(`ts`)))), ':', toString(toUnixTimestamp64Nano(`ts`)), ','),
        concat(toString(length(toString(toUnixTimestamp64Nano(`observed_at`)))), ':', toString(toUnixTimestamp64Nano(`observed_at`)), ','))))) AS row_hash
FROM {db}.retention_events{all}
