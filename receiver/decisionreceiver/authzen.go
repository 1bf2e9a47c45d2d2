package decisionreceiver

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"

	"github.com/spanwarden/spanwarden/internal/decision"
	"github.com/spanwarden/spanwarden/internal/decision/authzen"
)

// authzenPaths adds the paths of the AuthZEN API for a tenant; "" is the default.
func (r *decisionReceiver) authzenPaths(m map[string]http.HandlerFunc, tenant string) {
	base := "POST "
	if tenant != "" {
		base += "/" + tenant
	}
	m[base+"/access/v1/evaluation"] = r.authzen(tenant, r.evaluation)
	m[base+"/access/v1/evaluations"] = r.authzen(tenant, r.evaluations)
	m[base+"/access/v1/search/action"] = r.authzen(tenant, r.search(authzen.Actions))
	if r.directory != nil {
		m[base+"/access/v1/search/subject"] = r.authzen(tenant, r.search(authzen.Subjects))
		m[base+"/access/v1/search/resource"] = r.authzen(tenant, r.search(authzen.Resources))
	}
}

// authzenCall is one request of the AuthZEN API with its body read.
type authzenCall struct {
	*http.Request
	tenant string
	caller caller
	body   authzen.Body
}

// authzen reads the body as the API asks: whatever is wrong with it is 400.
func (r *decisionReceiver) authzen(tenant string, handle func(http.ResponseWriter, *authzenCall)) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		c := &authzenCall{Request: req, tenant: tenant, caller: callerOf(req)}
		if !r.limiter.allow(c.caller.key(), r.engine.now()) {
			r.tel.ReceiverDecisionRateLimited.Add(req.Context(), 1)
			w.Header().Set("Retry-After", "1")
			plain(w, http.StatusTooManyRequests, "this caller sends too many requests")
			return
		}
		if r.webPage(req) {
			plain(w, http.StatusForbidden, notForPages)
			return
		}
		raw, code, err := body(w, req)
		if err == nil {
			c.body, err = authzen.Parse(raw)
		}
		if err != nil {
			plain(w, code, err.Error())
			return
		}
		handle(w, c)
	}
}

// body reads a JSON body. On error, code is the status to answer with.
func body(w http.ResponseWriter, req *http.Request) (raw []byte, code int, err error) {
	kind, _, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return nil, http.StatusBadRequest, fmt.Errorf("Content-Type: want application/json, not %q", shorten(req.Header.Get("Content-Type")))
	}
	raw, err = io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody))
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, http.StatusRequestEntityTooLarge, fmt.Errorf("the body is larger than %d bytes", large.Limit)
	}
	if err != nil {
		err = errors.New("the body could not be read")
	}
	return raw, http.StatusBadRequest, err
}

func shorten(s string) string {
	const most = 100
	return s[:min(len(s), most)]
}

// plain is an error of the AuthZEN API: a message and nothing else.
func plain(w http.ResponseWriter, code int, message string) {
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, message, code)
}

// question translates an evaluation, with what the connection says.
func (r *decisionReceiver) question(c *authzenCall, e *authzen.Evaluation) *decision.Question {
	r.directory.Fill(e)
	q := e.Question(authzen.Options{Server: r.cfg.AuthZEN.MCPServer, Tenant: c.tenant})
	c.caller.verify(q)
	if q.Trace == [16]byte{} {
		q.Trace, q.Span = traceParent(c.Header.Get("Traceparent"))
	}
	return q
}

// traceParent reads a W3C traceparent header; what is none is ignored.
func traceParent(h string) (t [16]byte, s [8]byte) {
	const length, traceAt, spanAt = 55, 3, 36
	if len(h) < length || h[2] != '-' || h[35] != '-' || h[52] != '-' || h[:2] == "ff" {
		return t, s
	}
	t, s = authzen.Trace(h[traceAt:35], h[spanAt:52])
	if s == [8]byte{} {
		return [16]byte{}, s
	}
	return t, s
}

func (r *decisionReceiver) evaluation(w http.ResponseWriter, c *authzenCall) {
	e, err := c.body.Evaluation()
	if err != nil {
		plain(w, http.StatusBadRequest, err.Error())
		return
	}
	rec := r.engine.answer(c.Context(), r.question(c, e), c.caller.by("authzen"))
	answer(w, http.StatusOK, r.authzenAnswer(rec))
}

func (r *decisionReceiver) authzenAnswer(rec *decision.Record) authzen.Answer {
	f := authzen.Form{Rules: r.cfg.AuthZEN.Verbosity == VerbosityRule}
	if r.approvable() {
		f.Approvals = "/v1/decisions/" + rec.ID.String() + "/approve"
	}
	if id := rec.Question.ApprovalID; id != "" && rec.Outcome.Answered == decision.Ask {
		f.Refusal = r.refusal(rec, id)
	}
	return authzen.AnswerOf(rec, f)
}

// approvable reports whether a person could approve something here.
func (r *decisionReceiver) approvable() bool {
	return r.auth != nil || r.cfg.Admin.UnauthenticatedLoopback
}

// refusal says what is wrong with an approval that was sent.
func (r *decisionReceiver) refusal(rec *decision.Record, id string) authzen.Refusal {
	r.engine.mu.Lock()
	defer r.engine.mu.Unlock()
	got, ok := r.engine.approvals.Get(id)
	switch {
	case !ok:
		return authzen.Refusal{Reason: "approval_unverifiable", NextAction: "request"}
	case !rec.At.Before(got.Until):
		return authzen.Refusal{Reason: "approval_expired", NextAction: "request"}
	case got.Pending.Digest != rec.InputDigest:
		return authzen.Refusal{Reason: "out_of_scope", NextAction: "request"}
	default:
		return authzen.Refusal{Reason: "policy_denied", NextAction: "none"}
	}
}

func (r *decisionReceiver) evaluations(w http.ResponseWriter, c *authzenCall) {
	items, semantic, err := c.body.Batch()
	if err != nil {
		plain(w, http.StatusBadRequest, err.Error())
		return
	}
	if len(items) == 0 {
		r.evaluation(w, c)
		return
	}
	var recs []*decision.Record // of the items that are questions
	slots := make([]int, 0, len(items))
	batch := r.engine.newID(r.engine.now())
	for _, it := range items {
		slot, permitted := -1, false
		if it.Err == nil {
			q := r.question(c, it.Evaluation)
			q.Batch = batch
			rec := r.engine.decide(q, c.caller.by("authzen"))
			slot, permitted = len(recs), rec.Outcome.Answered == decision.Allow
			recs = append(recs, rec)
		}
		slots = append(slots, slot)
		if semantic.Stops(permitted) {
			break
		}
	}
	r.engine.record(c.Context(), recs...)
	out := authzen.Answers{Evaluations: make([]authzen.Answer, len(slots))}
	for i, slot := range slots {
		if slot < 0 {
			out.Evaluations[i] = authzen.BadItem(items[i].Err)
		} else {
			out.Evaluations[i] = r.authzenAnswer(recs[slot])
		}
	}
	answer(w, http.StatusOK, out)
}

// search asks about every candidate. It is no decision, and leaves no record.
func (r *decisionReceiver) search(k authzen.Kind) func(http.ResponseWriter, *authzenCall) {
	return func(w http.ResponseWriter, c *authzenCall) {
		e, err := c.body.Search(k)
		if err != nil {
			plain(w, http.StatusBadRequest, err.Error())
			return
		}
		out := authzen.Results{Results: []any{}}
		for _, candidate := range r.directory.Candidates(k, e) {
			if c.Context().Err() != nil {
				return // nobody waits any more
			}
			if r.engine.would(r.question(c, &candidate)) == decision.Allow {
				out.Results = append(out.Results, candidate.Result(k))
			}
		}
		out.Results, out.Page = c.body.Page().Cut(out.Results)
		answer(w, http.StatusOK, out)
	}
}

// metadata answers where the API is. Without an https address there is none to
// tell, and so no document.
func (r *decisionReceiver) metadata(tenant string) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		base := r.cfg.AuthZEN.BaseURL
		if base == "" && req.TLS != nil {
			base = "https://" + req.Host
		}
		if base == "" {
			plain(w, http.StatusNotFound, "no https address is known: set authzen::base_url or http::tls")
			return
		}
		if tenant != "" {
			base += "/" + tenant
		}
		answer(w, http.StatusOK, authzen.MetadataOf(base, r.directory != nil))
	}
}

// reasonOf is a reason as adapters that know no codes tell it.
func reasonOf(rec *decision.Record, v Verbosity) string {
	text := string(rec.Outcome.Reason)
	if v == VerbosityRule && rec.Outcome.Rule != "" {
		text += " (rule " + rec.Outcome.Rule + ")"
	}
	return text
}
