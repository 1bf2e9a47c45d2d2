-- id: ev_third_party_models
-- number: 35
-- section: C
-- question: Which model providers were given data, how much, of which classes, at what cost?
-- controls: CC9.2 A.5.19 A.5.20 A.5.21 A.5.22 A.5.23 42001-A.10.3
-- shows: records
-- column: tenant_id # tenant
-- column: provider # provider, empty where the emitter names none
-- column: model # that answered, else that was asked for
-- column: calls # model calls, each once, roll-ups and duplicates left out
-- column: tokens # input and output of the calls that state them
-- column: unknown_tokens # calls that state neither
-- column: cost # USD of the calls with a price, NULL where none has one
-- column: unpriced # calls without a price, or with part of one
-- column: data_classes # that were stated of the calls
-- column: unclassified # calls of which nothing was stated
-- column: hosts # servers that were called
-- column: gateways # in between
-- column: agents # how many agents called
-- column: first_ts # first call in the period
-- column: last_ts # last call in the period
-- not_observed: No collector was there in the period: who got data is not known.
-- zero: Collectors were there, and no model was called.
SELECT
    tenant_id, provider, if(a.response_model != '', a.response_model, a.request_model) AS model, count() AS calls,
    sum(ifNull(a.input_tokens, 0) + ifNull(a.output_tokens, 0)) AS tokens,
    countIf(a.input_tokens IS NULL AND a.output_tokens IS NULL) AS unknown_tokens,
    sum(a.cost_usd) AS cost, countIf(a.cost_usd IS NULL OR a.cost_status = 'partial') AS unpriced,
    arraySort(groupUniqArrayArray(JSONExtract(a.attrs['spanwarden.data.classes'], 'Array(String)'))) AS data_classes,
    countIf(a.attrs['spanwarden.data.classes'] IN ('', '[]')) AS unclassified,
    arraySort(groupUniqArrayIf(a.attrs['server.address'], a.attrs['server.address'] != '')) AS hosts,
    arraySort(groupUniqArrayIf(toString(a.gateway), a.gateway != '')) AS gateways,
    uniqExact(a.agent_id) AS agents, min(a.ts) AS first_ts, max(a.ts) AS last_ts
FROM {db}.ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')}) AS a
WHERE a.kind IN ('inference', 'embedding') AND a.usage_accounting != 'rollup' AND a.cost_status NOT IN ('duplicate', 'rollup')
    AND a.attrs['spanwarden.action.duplicate'] != 'true'
GROUP BY tenant_id, provider, model
ORDER BY tenant_id, provider, model
