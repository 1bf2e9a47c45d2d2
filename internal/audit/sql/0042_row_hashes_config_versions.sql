-- creating view row_hashes_config_versions
CREATE OR REPLACE VIEW {db}.row_hashes_config_versions{on_cluster} AS
SELECT
    writer_id, writer_epoch, batch_id, row_ix, `ts` AS row_time, inserted_at,
    hex(SHA256(concat(unhex('00'), concat(
        concat(toString(length(`tenant_id`)), ':', `tenant_id`, ','),
        concat(toString(length(`kind`)), ':', `kind`, ','),
        concat(toString(length(`version`)), ':', `version`, ','),
        concat(toString(length(`previous`)), ':', `previous`, ','),
        concat(toString(length(`component`)), ':', `component`, ','),
        concat(toString(length(arrayStringConcat(arrayMap(x -> concat(toString(length(x)), ':', x, ','), `changed_keys`)))), ':', arrayStringConcat(arrayMap(x -> concat(toString(length(x)), ':', x, ','), `changed_keys`)), ','),
        concat(toString(length(arrayStringConcat(arrayMap(x -> concat(toString(length(x)), ':', x, ','), `files`)))), ':', arrayStringConcat(arrayMap(x -> concat(toString(length(x)), ':', x, ','), `files`)), ','),
        concat(toString(length(`by_principal`)), ':', `by_principal`, ','),
        concat(toString(length(toString(`refused`))), ':', toString(`refused`), ','),
        concat(toString(length(`refused_reason`)), ':', `refused_reason`, ','),
        concat(toString(length(`diff`)), ':', `diff`, ','),
        concat(toString(length(`content`)), ':', `content`, ','),
        concat(toString(length(arrayStringConcat(arrayMap(x -> concat(toString(length(x)), ':', x, ','), `declared`)))), ':', arrayStringConcat(arrayMap(x -> concat(toString(length(x)), ':', x, ','), `declared`)), ','),
        concat(toString(length(`message`)), ':', `message`, ','),
        concat(toString(length(`finding_id`)), ':', `finding_id`, ','),
        concat(toString(length(arrayStringConcat(arrayMap((k, v) -> concat(toString(length(k)), ':', k, ',', toString(length(v)), ':', v, ','), mapKeys(mapSort(`extra`)), mapValues(mapSort(`extra`)))))), ':', arrayStringConcat(arrayMap((k, v) -> concat(toString(length(k)), ':', k, ',', toString(length(v)), ':', v, ','), mapKeys(mapSort(`extra`)), mapValues(mapSort(`extra`)))), ','),
        concat(toString(length(toString(`attrs_truncated`))), ':', toString(`attrs_truncated`), ','),
        concat(toString(length(toString(`schema_v`))), ':', toString(`schema_v`), ','),
        concat(toString(length(toString(toUnixTimestamp64Nano(`ts`)))), ':', toString(toUnixTimestamp64Nano(`ts`)), ','),
        concat(toString(length(`ts_quality`)), ':', `ts_quality`, ','),
        concat(toString(length(toString(toUnixTimestamp64Nano(`observed_at`)))), ':', toString(toUnixTimestamp64Nano(`observed_at`)), ','))))) AS row_hash
FROM {db}.config_versions{all}
