package decisionreceiver

import (
	"context"
	"io"
	"net/http"
	"strings"

	"github.com/spanwarden/spanwarden/internal/decision"
	"github.com/spanwarden/spanwarden/internal/decision/extauthz"
	"github.com/spanwarden/spanwarden/internal/decision/litellm"
)

// refused is the body of a denial by /ext-authz/.
type refused struct {
	Error      string `json:"error"`
	Reason     string `json:"reason"`
	DecisionID string `json:"decision_id"`
}

// decisionHeader tells a gateway, and with it the upstream, under which decision
// a request goes.
const decisionHeader = "X-Spanwarden-Decision-Id"

// extAuthz answers Envoy's HTTP check: 200 lets the request pass, anything else
// is the answer to it.
func (r *decisionReceiver) extAuthz(w http.ResponseWriter, req *http.Request) {
	c := callerOf(req)
	if !r.limiter.allow(c.key(), r.engine.now()) {
		r.tel.ReceiverDecisionRateLimited.Add(req.Context(), 1)
		fail(w, http.StatusTooManyRequests, "this caller sends too many requests")
		return
	}
	check := extauthz.Check{
		Method: req.Method, Scheme: req.Header.Get("X-Forwarded-Proto"), Host: req.Host,
		Path: strings.TrimPrefix(req.URL.RequestURI(), "/ext-authz"), Header: req.Header.Get,
		BodyCut: req.Header.Get("X-Envoy-Auth-Partial-Body") == "true", Agent: req.Header.Get(r.cfg.ExtAuthz.AgentHeader),
	}
	if r.cfg.ExtAuthz.TrustXFCC {
		check.SPIFFE = extauthz.SPIFFEOf(req.Header.Get("X-Forwarded-Client-Cert"))
	}
	var err error
	if check.Body, err = io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody)); err != nil {
		check.Body, check.BodyCut = nil, true
	}
	rec := r.check(req.Context(), &check, c)
	w.Header().Set(decisionHeader, rec.ID.String())
	if rec.Outcome.Answered == decision.Allow {
		w.WriteHeader(http.StatusOK)
		return
	}
	answer(w, http.StatusForbidden, refused{"denied", reasonOf(rec, r.cfg.ExtAuthz.Verbosity), rec.ID.String()})
}

// check decides about a request that a gateway is about to forward.
func (r *decisionReceiver) check(ctx context.Context, check *extauthz.Check, c caller) *decision.Record {
	q := check.Question(extauthz.Options{Tenant: r.cfg.Tenant, Servers: r.cfg.ExtAuthz.Servers})
	q.Trace, q.Span = traceParent(check.Header("Traceparent"))
	return r.engine.answer(ctx, q, c.by("ext_authz"))
}

// liteLLM answers LiteLLM's generic guardrail. What cannot be read is blocked.
func (r *decisionReceiver) liteLLM(w http.ResponseWriter, req *http.Request) {
	c := callerOf(req)
	if !r.limiter.allow(c.key(), r.engine.now()) {
		r.tel.ReceiverDecisionRateLimited.Add(req.Context(), 1)
		answer(w, http.StatusOK, litellm.Blocked("too many requests"))
		return
	}
	if r.webPage(req) {
		answer(w, http.StatusOK, litellm.Blocked(notForPages))
		return
	}
	raw, code, err := body(w, req)
	if err != nil {
		fail(w, code, err.Error())
		return
	}
	call, err := litellm.Parse(raw)
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	o := litellm.Options{Tenant: r.cfg.Tenant, AgentFrom: r.cfg.LiteLLM.AgentFrom}
	batch := r.engine.newID(r.engine.now())
	var recs []*decision.Record
	ask := func(q *decision.Question) *decision.Record {
		c.verify(q)
		q.Batch = batch
		q.Trace, q.Span = traceParent(req.Header.Get("Traceparent"))
		return r.engine.decide(q, c.by("litellm"))
	}
	for _, q := range call.Questions(o) {
		recs = append(recs, ask(q))
	}
	for _, q := range call.Offered(o) {
		// An offer is no action: only its refusal is a decision.
		if rec := ask(q); litellm.Never(rec) {
			recs = append(recs, rec)
		}
	}
	r.engine.record(req.Context(), recs...)
	for _, rec := range recs {
		if rec.Outcome.Answered != decision.Allow {
			answer(w, http.StatusOK, litellm.Blocked(reasonOf(rec, r.cfg.LiteLLM.Verbosity)+" (decision "+rec.ID.String()+")"))
			return
		}
	}
	answer(w, http.StatusOK, litellm.None())
}
