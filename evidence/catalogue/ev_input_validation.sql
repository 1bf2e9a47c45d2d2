-- id: ev_input_validation
-- number: 41
-- section: E
-- question: Were the spans that this evidence is made of complete and valid?
-- controls: PI1.2 PI1.1
-- shows: records
-- column: tenant_id # tenant
-- column: service # service.name, empty where it names none
-- column: dialect # of the emitter, empty where none was recognised
-- column: semconv_version # of the OpenTelemetry schema that the emitter states, empty where it states none
-- column: spans # distinct
-- column: missing_required # spans that lack what their kind must have: a model call its provider, model or tokens, a tool call the tool, an agent its name or id
-- column: missing # which of these, and of how many spans
-- column: invalid # spans with counts that cannot be (usage_invalid), times that cannot be (ts_quality), or more than was kept (attrs_truncated)
-- column: invalid_usage # of these, by counts
-- column: bad_times # of these, by times
-- column: truncated # of these, cut
-- column: unread # spans that no reading recognised: kind other
-- column: pct_ok # of the spans, those that lack nothing and have nothing invalid
-- not_observed: No collector was there in the period.
-- zero: Collectors were there, and no span came in.
SELECT
    tenant_id, service, dialect, semconv_version, count() AS spans, countIf(notEmpty(lacks)) AS missing_required,
    sumMap(CAST((lacks, arrayMap(l -> toUInt64(1), lacks)), 'Map(String, UInt64)')) AS missing,
    countIf(bad_usage OR bad_time OR cut) AS invalid, countIf(bad_usage) AS invalid_usage, countIf(bad_time) AS bad_times, countIf(cut) AS truncated,
    countIf(kind = 'other') AS unread,
    round(100 * countIf(empty(lacks) AND NOT (bad_usage OR bad_time OR cut)) / count(), 3) AS pct_ok
FROM
(
    SELECT
        tenant_id, service_name AS service, dialect, kind,
        extract(if(attrs['otel.schema_url'] != '', attrs['otel.schema_url'], resource['otel.schema_url']), '/schemas/([0-9A-Za-z.+-]+)$') AS semconv_version,
        usage_invalid != 0 AS bad_usage, ts_quality NOT IN ('', 'ok') AS bad_time, attrs_truncated > 0 AS cut,
        arrayFilter(l -> l != '', multiIf(
            kind IN ('inference', 'embedding') AND usage_accounting != 'rollup', [
                if(provider = '', 'provider', ''),
                if(request_model = '' AND response_model = '', 'model', ''),
                if(outcome != 'failure' AND input_tokens IS NULL AND output_tokens IS NULL, 'tokens', '')],
            kind IN ('tool', 'retrieval', 'memory'), [if(tool_name = '' AND kind = 'tool', 'tool', '')],
            kind = 'agent', [if(agent_id = '' AND agent_name = '', 'agent', '')],
            [''])) AS lacks
    FROM {db}.actions{all}
    WHERE ts >= {period_start:DateTime64(3,'UTC')} AND ts < {period_end:DateTime64(3,'UTC')} AND kind != 'decision'
    LIMIT 1 BY tenant_id, action_id
)
GROUP BY tenant_id, service, dialect, semconv_version
ORDER BY tenant_id, service, dialect, semconv_version
