-- creating view ev_edges
CREATE OR REPLACE VIEW {db}.ev_edges{on_cluster} AS
-- the edges with their delegator found: by its own word, as the run that the
-- delegating span opened, or as the run that the delegating span is an action of,
-- also where another collector saw it
SELECT
    d.*,
    multiIf(d.delegator_run_id != '', d.delegator_run_id, o.found_run_id != '', o.found_run_id, w.found_run_id) AS from_run_id,
    d.delegator_run_id = '' AND from_run_id != '' AS stitched
FROM {db}.ev_delegations(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')}) AS d
LEFT JOIN
(
    SELECT tenant_id AS found_tenant, trace_id AS found_trace, span_id AS found_span, any(run_id) AS found_run_id
    FROM {db}.ev_runs(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    GROUP BY found_tenant, found_trace, found_span
) AS o ON d.tenant_id = o.found_tenant AND d.trace_id = o.found_trace AND d.span_id = o.found_span
LEFT JOIN
(
    SELECT tenant_id AS found_tenant, trace_id AS found_trace, span_id AS found_span, any(run_id) AS found_run_id
    FROM {db}.actions{all}
    WHERE run_id != '' AND (trace_id, span_id) IN
    (
        SELECT trace_id, span_id
        FROM {db}.delegations{all}
        WHERE recorded_at >= {period_start:DateTime64(3,'UTC')} AND recorded_at < {period_end:DateTime64(3,'UTC')} AND delegator_run_id = '' AND span_id != ''
    )
    GROUP BY found_tenant, found_trace, found_span
) AS w ON d.tenant_id = w.found_tenant AND d.trace_id = w.found_trace AND d.span_id = w.found_span
