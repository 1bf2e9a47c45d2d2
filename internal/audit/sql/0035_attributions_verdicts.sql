-- adding verdicts to table attributions
ALTER TABLE {db}.attributions{on_cluster}
    ADD COLUMN IF NOT EXISTS delegation_authority LowCardinality(String) AFTER delegation_id,
    ADD COLUMN IF NOT EXISTS boundary_verdict LowCardinality(String) AFTER delegation_authority,
    ADD COLUMN IF NOT EXISTS boundary_rule LowCardinality(String) AFTER boundary_verdict,
    ADD COLUMN IF NOT EXISTS policy_version LowCardinality(String) AFTER boundary_rule
