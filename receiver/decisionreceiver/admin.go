package decisionreceiver

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/spanwarden/spanwarden/internal/decision"
	"github.com/spanwarden/spanwarden/internal/ledger"
	"github.com/spanwarden/spanwarden/internal/operator"
)

// operators lets only those in who may use the operators' paths.
func (r *decisionReceiver) operators(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch {
		case r.auth != nil:
			ctx, err := r.auth.Authenticate(req.Context(), req.Header)
			if err != nil {
				w.Header().Set("WWW-Authenticate", "Bearer")
				fail(w, http.StatusUnauthorized, "not authenticated")
				return
			}
			req = req.WithContext(ctx)
		case !r.cfg.Admin.UnauthenticatedLoopback:
			fail(w, http.StatusForbidden, "operators' paths are closed: set admin::authenticator, or admin::unauthenticated_loopback on a loopback address")
			return
		case req.Header.Get("Origin") != "" || !localHost(req.Host):
			// A web page that the operator looks at must not act for them, not even
			// under a name of its own that leads to this machine.
			fail(w, http.StatusForbidden, "not for web pages")
			return
		}
		next.ServeHTTP(w, req)
	})
}

// agents lets in whoever the listener itself has authenticated as a client, and
// operators.
func (r *decisionReceiver) agents(handle http.HandlerFunc) http.Handler {
	guarded := r.operators(handle)
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if c := callerOf(req); c.spiffe != "" || c.clientID != "" {
			handle(w, req)
			return
		}
		guarded.ServeHTTP(w, req)
	})
}

func localHost(hostport string) bool {
	return loopback(hostport) || loopback(hostport+":0")
}

func (r *decisionReceiver) status(w http.ResponseWriter, _ *http.Request) {
	s := operator.Status{
		Halts: len(r.gov.InForce()), Evidence: string(r.cfg.Evidence), QueueDepth: len(r.evidence.queue),
		Lost: r.evidence.losses.Load(), Instance: r.instance,
	}
	if reg := r.gov.Policies().Current(); reg != nil {
		s.PolicyVersion, s.Agents = reg.Version(), len(reg.Agents())
		now := r.engine.now()
		since := now.Add(-r.engine.age(reg, now))
		s.PolicySince = &since
	}
	answer(w, http.StatusOK, s)
}

// decision answers with the record of a decision, byte for byte as it was stored.
func (r *decisionReceiver) decision(w http.ResponseWriter, req *http.Request) {
	raw, ok := r.evidence.recent.get(req.PathValue("id"))
	if !ok {
		fail(w, http.StatusNotFound, "no such decision is remembered here; the audit store has all that were recorded")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(raw) // the asker may have gone away
}

// approve takes a person's yes to a question that was answered ask.
func (r *decisionReceiver) approve(w http.ResponseWriter, req *http.Request) {
	var in operator.Approve
	if !read(w, req, &in) {
		return
	}
	now := r.engine.now()
	var until time.Time
	if in.Until != nil {
		until = *in.Until
	}
	if !until.IsZero() && !until.After(now) {
		fail(w, http.StatusBadRequest, "until: is over already")
		return
	}
	r.engine.mu.Lock()
	a, err := r.engine.approvals.Approve(r.engine.newID(now).String(), req.PathValue("id"), strings.TrimSpace(in.By), in.Groups, strings.TrimSpace(in.Reason), until, now)
	r.engine.mu.Unlock()
	var untold error
	if err == nil || errors.Is(err, decision.ErrMayNot) {
		untold = r.tellApproval(req, &a)
	}
	switch {
	case errors.Is(err, decision.ErrNoPending):
		fail(w, http.StatusNotFound, err.Error())
	case errors.Is(err, decision.ErrMayNot):
		fail(w, http.StatusForbidden, err.Error())
	case err != nil:
		fail(w, http.StatusBadRequest, err.Error())
	case untold != nil:
		r.engine.mu.Lock()
		r.engine.approvals.Withdraw(a.ID)
		r.engine.mu.Unlock()
		fail(w, http.StatusServiceUnavailable, string(decision.ReasonEvidenceUnavailable))
	default:
		answer(w, http.StatusCreated, operator.Approval{
			ID: a.ID, DecisionID: req.PathValue("id"), Agent: a.Pending.Agent, By: a.By, ApprovedUntil: a.Until,
		})
	}
}

// deleteHalt is releaseHalt in the form of the reference: 204 and no body.
func (r *decisionReceiver) deleteHalt(w http.ResponseWriter, req *http.Request) {
	var in operator.Release
	if !read(w, req, &in) {
		return
	}
	if _, err := r.gov.Release(req.Context(), req.PathValue("id"), strings.TrimSpace(in.By), strings.TrimSpace(in.Reason)); err != nil {
		r.refuse(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (r *decisionReceiver) listHalts(w http.ResponseWriter, _ *http.Request) {
	halts := r.gov.InForce()
	out := operator.Halts{Halts: make([]operator.Halt, 0, len(halts))}
	for i := range halts {
		out.Halts = append(out.Halts, operator.HaltOf(&halts[i]))
	}
	answer(w, http.StatusOK, out)
}

func (r *decisionReceiver) setHalt(w http.ResponseWriter, req *http.Request) {
	var in operator.Order
	if !read(w, req, &in) {
		return
	}
	order, err := in.Ledger(r.engine.now())
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	halt, err := r.gov.Halt(req.Context(), order)
	if err != nil {
		r.refuse(w, err)
		return
	}
	answer(w, http.StatusCreated, operator.HaltOf(&halt))
}

func (r *decisionReceiver) releaseHalt(w http.ResponseWriter, req *http.Request) {
	var in operator.Release
	if !read(w, req, &in) {
		return
	}
	halt, err := r.gov.Release(req.Context(), req.PathValue("id"), strings.TrimSpace(in.By), strings.TrimSpace(in.Reason))
	if err != nil {
		r.refuse(w, err)
		return
	}
	answer(w, http.StatusOK, operator.HaltOf(&halt))
}

func (r *decisionReceiver) balances(w http.ResponseWriter, req *http.Request) {
	q := req.URL.Query()
	s := ledger.Scopes{
		Tenant: q.Get("tenant"), Project: q.Get("project"), Agent: q.Get("agent"), Session: q.Get("session"),
		Principal: q.Get("principal"), Root: q.Get("delegation_root"), Run: q.Get("run"),
	}
	balances := r.gov.Balances(&s)
	out := operator.Balances{Balances: make([]operator.Balance, 0, len(balances))}
	for i := range balances {
		out.Balances = append(out.Balances, operator.BalanceOf(&balances[i]))
	}
	answer(w, http.StatusOK, out)
}

// refuse answers with what an operator did wrong, or that it is not their fault.
func (r *decisionReceiver) refuse(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, ledger.ErrNoHalt):
		fail(w, http.StatusNotFound, err.Error())
	case errors.Is(err, ledger.ErrNoReason), errors.Is(err, ledger.ErrOrder):
		fail(w, http.StatusBadRequest, err.Error())
	case errors.Is(err, ledger.ErrHaltExists):
		fail(w, http.StatusConflict, err.Error())
	case errors.Is(err, ledger.ErrTooManyHalts):
		fail(w, http.StatusInsufficientStorage, err.Error())
	default:
		r.set.Logger.Error("an operator's request failed", zap.Error(err))
		fail(w, http.StatusServiceUnavailable, "the change could not be stored; nothing is known to have changed")
	}
}

// read takes one JSON object of known members.
func read(w http.ResponseWriter, req *http.Request, into any) bool {
	if t, _, _ := strings.Cut(req.Header.Get("Content-Type"), ";"); strings.TrimSpace(t) != "application/json" {
		fail(w, http.StatusUnsupportedMediaType, fmt.Sprintf("Content-Type: want application/json, not %q", t))
		return false
	}
	d := json.NewDecoder(http.MaxBytesReader(w, req.Body, maxBody))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("more than one JSON value")
		}
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		fail(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d bytes", large.Limit))
	case err != nil:
		fail(w, http.StatusBadRequest, "body: "+err.Error())
	}
	return err == nil
}

func answer(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body) // the asker may have gone away
}

func fail(w http.ResponseWriter, code int, message string) {
	answer(w, code, operator.Error{Error: message})
}
