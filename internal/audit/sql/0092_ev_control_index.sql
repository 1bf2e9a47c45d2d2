-- creating view ev_control_index
CREATE OR REPLACE VIEW {db}.ev_control_index{on_cluster} AS
SELECT
    framework, any(framework_version) AS framework_version, control_id, any(official_id) AS official_id, any(title) AS title, any(relevance) AS relevance,
    arraySort(groupUniqArrayIf(query, query != '')) AS queries,
    max(c.mapping_version) AS mapping_version, any(mapping_digest) AS mapping_digest, min(effective_from) AS effective_from
FROM {db}.control_catalogue{all} AS c
WHERE c.mapping_version = (SELECT max(mapping_version) FROM {db}.control_catalogue{all})
GROUP BY framework, control_id
ORDER BY framework, control_id
