-- creating view row_hashes_attributions
CREATE OR REPLACE VIEW {db}.row_hashes_attributions{on_cluster} AS
SELECT
    writer_id, writer_epoch, batch_id, row_ix, `settled_ts` AS row_time, inserted_at,
    hex(SHA256(concat(unhex('00'), concat(
        concat(toString(length(lower(hex(`action_id`)))), ':', lower(hex(`action_id`)), ','),
        concat(toString(length(`trace_id`)), ':', `trace_id`, ','),
        concat(toString(length(`span_id`)), ':', `span_id`, ','),
        concat(toString(length(`agent_id`)), ':', `agent_id`, ','),
        concat(toString(length(`agent_name`)), ':', `agent_name`, ','),
        concat(toString(length(`agent_version`)), ':', `agent_version`, ','),
        concat(toString(length(`session_id`)), ':', `session_id`, ','),
        concat(toString(length(`principal_id`)), ':', `principal_id`, ','),
        concat(toString(length(`principal_type`)), ':', `principal_type`, ','),
        concat(toString(length(`principal_grade`)), ':', `principal_grade`, ','),
        concat(toString(length(`run_id`)), ':', `run_id`, ','),
        concat(toString(length(`chain_id`)), ':', `chain_id`, ','),
        concat(toString(length(ifNull(toString(`chain_depth`), ''))), ':', ifNull(toString(`chain_depth`), ''), ','),
        concat(toString(length(`delegation_id`)), ':', `delegation_id`, ','),
        concat(toString(length(`delegation_authority`)), ':', `delegation_authority`, ','),
        concat(toString(length(`boundary_verdict`)), ':', `boundary_verdict`, ','),
        concat(toString(length(`boundary_rule`)), ':', `boundary_rule`, ','),
        concat(toString(length(`policy_version`)), ':', `policy_version`, ','),
        concat(toString(length(toString(`schema_v`))), ':', toString(`schema_v`), ','),
        concat(toString(length(toString(toUnixTimestamp64Nano(`settled_ts`)))), ':', toString(toUnixTimestamp64Nano(`settled_ts`)), ','),
        concat(toString(length(toString(toUnixTimestamp64Nano(`observed_at`)))), ':', toString(toUnixTimestamp64Nano(`observed_at`)), ','))))) AS row_hash
FROM {db}.attributions{all}
