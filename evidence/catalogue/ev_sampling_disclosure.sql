-- id: ev_sampling_disclosure
-- number: 11
-- section: A
-- question: Was telemetry sampled, so that what is stored is no full population?
-- controls: CC2.1 PI1.2
-- shows: records
-- column: tenant_id # tenant
-- column: service # that sent the spans (service.name)
-- column: sampler # whose word it is: ot_threshold, ot_probability (tracestate), jaeger, sample_rate; empty: the spans say nothing of sampling, which does not mean that there was none
-- column: spans # distinct actions
-- column: weighted_spans # how many there were before sampling, by that word; empty where nothing is said
-- column: sampled_pct # spans of weighted_spans, 0 to 100: 100 means that all were kept; empty where nothing is said
-- column: dropped_attr_spans # spans of which the sender's SDK left out attributes
-- column: cut_spans # spans of which the collector cut or left out something, because of its limits
-- not_observed: No collector was there in the period.
-- zero: Collectors were there, and no action was recorded.
SELECT
    tenant_id, service_name AS service, attrs['spanwarden.sampling.sampler'] AS sampler, count() AS spans,
    if(sampler = '', NULL, round(sum(toFloat64OrZero(attrs['spanwarden.sampling.weight'])), 3)) AS weighted_spans,
    if(sampler = '' OR weighted_spans = 0, NULL, round(100 * spans / weighted_spans, 3)) AS sampled_pct,
    countIf(attrs['spanwarden.dropped_attributes'] != '') AS dropped_attr_spans,
    countIf(attrs_truncated > 0) AS cut_spans
FROM {db}.ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
GROUP BY tenant_id, service, sampler
ORDER BY tenant_id, service, sampler
