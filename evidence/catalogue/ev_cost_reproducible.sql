-- id: ev_cost_reproducible
-- number: 45
-- section: E
-- question: Can cost be computed again from the tokens and the rates on record, and does it come to the same?
-- controls: PI1.3 PI1.1
-- shows: records
-- column: tenant_id # tenant
-- column: day # UTC
-- column: model # that answered, else that was asked for
-- column: price_version # price book
-- column: price_id # entry of the book, empty where there is none
-- column: calls # model calls, each once, roll-ups and duplicates left out
-- column: cost # USD of all calls with a price, NULL where none has one
-- column: recomputable # of the calls
-- column: cost_recomputable # USD of those, as recorded
-- column: recomputed # USD of those, tokens × rates, NULL where there are none
-- column: delta # recomputed - cost_recomputable, NULL where there are none
-- column: differing # of the recomputable calls: those that do not come to the same to the last picodollar
-- column: not_recomputable # calls with a price that tokens and rates on record do not give
-- column: why_not # of these, and of how many calls: reported (the emitter's own figure), partial, beyond_tokens (other things were billed), marginal (a size beyond which tokens cost another price), rates_not_on_record, ambiguous_rates, tokens_unknown
-- column: unpriced # calls without a price
-- not_observed: No collector was there in the period.
-- zero: Collectors were there, and no model was called.
WITH
rates AS
(
    SELECT
        book, price_id, price_from, contract_id, conditions,
        ['input', 'cache_read', 'cache_write', 'cache_write_1h', 'reasoning', 'output'] AS types,
        CAST((groupArray(token_type), groupArray(toInt128OrZero(unit_cost_num))), 'Map(String, Int128)') AS nums,
        CAST((groupArray(token_type), groupArray(toInt128OrZero(unit_cost_den))), 'Map(String, Int128)') AS dens,
        arrayMap(t -> nums[t], types) AS n, arrayMap(t -> dens[t], types) AS d,
        max(marginal) AS is_marginal,
        uniqExact(token_type) != count() OR max(length(unit_cost_num)) > 28 OR max(length(unit_cost_den)) > 28 AS ambiguous
    FROM
    (
        SELECT DISTINCT book, price_id, price_from, contract_id, conditions, toString(token_type) AS token_type, unit_cost_num, unit_cost_den, marginal
        FROM {db}.prices{all}
    )
    GROUP BY book, price_id, price_from, contract_id, conditions
),
calls AS
(
    SELECT
        tenant_id, toDate(ts) AS day, toString(if(response_model != '', response_model, request_model)) AS model,
        cost_book, cost_price_id, cost_price_from, cost_contract_id, cost_conditions, cost_usd, cost_status, attrs['spanwarden.cost.meters'] AS meters,
        toInt128(ifNull(input_tokens, 0)) AS i, toInt128(ifNull(output_tokens, 0)) AS o, toInt128(ifNull(cache_read_tokens, 0)) AS r,
        toInt128(ifNull(cache_write_tokens, 0)) AS w, toInt128(ifNull(cache_write_1h_tokens, 0)) AS w1h, toInt128(ifNull(reasoning_tokens, 0)) AS t,
        input_tokens IS NULL AND output_tokens IS NULL AS unknown
    FROM {db}.ev_actions(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})
    WHERE usage_accounting != 'rollup' AND cost_status NOT IN ('duplicate', 'rollup') AND attrs['spanwarden.action.duplicate'] != 'true'
        AND (kind IN ('inference', 'embedding') OR cost_usd IS NOT NULL)
),
priced AS
(
    SELECT
        c.tenant_id AS tenant_id, c.day AS day, c.model AS model, c.cost_book AS price_version, c.cost_price_id AS price_id, c.cost_usd AS cost,
        arrayResize(p.n, 6, toInt128(0)) AS n, arrayResize(p.d, 6, toInt128(0)) AS d, -- nothing where no rates are on record
        multiIf(
            c.cost_usd IS NULL, 'unpriced',
            c.cost_status = 'reported', 'reported',
            position(c.cost_conditions, 'missing:') > 0, 'partial',
            c.meters != '', 'beyond_tokens',
            empty(p.n), 'rates_not_on_record',
            p.ambiguous, 'ambiguous_rates',
            p.is_marginal = 1, 'marginal',
            c.unknown OR c.i < c.r + c.w OR c.w < c.w1h, 'tokens_unknown',
            arrayExists((q, den) -> q != 0 AND den = 0, quantities, d), 'rates_not_on_record',
            '') AS why,
        -- reasoning without a rate of its own is billed within the output
        [c.i - c.r - c.w, c.r, c.w - c.w1h, c.w1h, if(d[5] = 0, toInt128(0), c.t), c.o - if(d[5] = 0, toInt128(0), c.t)] AS quantities,
        -- rounded half to even, each
        arraySum(arrayMap((q, num, den) -> if(den = 0, toInt128(0),
            intDiv(q * num, den) + ((q * num % den) * 2 > den OR (q * num % den) * 2 = den AND intDiv(q * num, den) % 2 = 1)), quantities, n, d)) AS picos
    FROM calls AS c
    LEFT JOIN rates AS p ON p.book = c.cost_book AND p.price_id = c.cost_price_id AND p.price_from = c.cost_price_from
        AND p.contract_id = c.cost_contract_id AND p.conditions = c.cost_conditions
)
SELECT
    tenant_id, day, model, price_version, price_id, count() AS calls, sum(p.cost) AS cost, countIf(why = '') AS recomputable,
    sumIf(p.cost, why = '') AS cost_recomputable,
    if(recomputable = 0, NULL, reinterpret(toInt128(sumIf(picos, why = '')), 'Decimal(38, 12)')) AS recomputed,
    recomputed - cost_recomputable AS delta,
    countIf(why = '' AND picos != reinterpretAsInt128(assumeNotNull(p.cost))) AS differing,
    countIf(why NOT IN ('', 'unpriced')) AS not_recomputable,
    mapFilter((k, v) -> k NOT IN ('', 'unpriced'), sumMap(map(toString(why), toUInt64(1)))) AS why_not,
    countIf(why = 'unpriced') AS unpriced
FROM priced AS p
GROUP BY tenant_id, day, model, price_version, price_id
ORDER BY day, tenant_id, model, price_version, price_id
