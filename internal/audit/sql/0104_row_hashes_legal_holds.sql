-- creating view row_hashes_legal_holds
CREATE OR REPLACE VIEW {db}.row_hashes_legal_holds{on_cluster} AS
SELECT
    writer_id, writer_epoch, batch_id, row_ix, `ts` AS row_time, inserted_at,
    hex(SHA256(concat(unhex('00'), concat(
        concat(toString(length(`hold_id`)), ':', `hold_id`, ','),
        concat(toString(length(`event`)), ':', `event`, ','),
        concat(toString(length(`matter`)), ':', `matter`, ','),
        concat(toString(length(`tenant`)), ':', `tenant`, ','),
        concat(toString(length(`table_name`)), ':', `table_name`, ','),
        concat(toString(length(ifNull(toString(toUnixTimestamp64Nano(`period_from`)), ''))), ':', ifNull(toString(toUnixTimestamp64Nano(`period_from`)), ''), ','),
        concat(toString(length(ifNull(toString(toUnixTimestamp64Nano(`period_to`)), ''))), ':', ifNull(toString(toUnixTimestamp64Nano(`period_to`)), ''), ','),
        concat(toString(length(`by_principal`)), ':', `by_principal`, ','),
        concat(toString(length(`reason`)), ':', `reason`, ','),
        concat(toString(length(toString(`schema_v`))), ':', toString(`schema_v`), ','),
        concat(toString(length(toString(toUnixTimestamp64Nano(`ts`)))), ':', toString(toUnixTimestamp64Nano(`ts`)), ','),
        concat(toString(length(toString(toUnixTimestamp64Nano(`observed_at`)))), ':', toString(toUnixTimestamp64Nano(`observed_at`)), ','))))) AS row_hash
FROM {db}.legal_holds{all}
