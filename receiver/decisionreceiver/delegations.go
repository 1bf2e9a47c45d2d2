package decisionreceiver

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/decision"
	"github.com/spanwarden/spanwarden/internal/ledger"
	"github.com/spanwarden/spanwarden/internal/operator"
	"github.com/spanwarden/spanwarden/internal/policy"
)

// grantSpan is the name of the span that tells of a grant or its end.
const grantSpan = "spanwarden.delegation"

// delegate registers a grant. The delegator is the caller, as the listener knows
// it; where it knows nobody, the one that is named.
func (r *decisionReceiver) delegate(w http.ResponseWriter, req *http.Request) {
	var in operator.Delegate
	if !read(w, req, &in) {
		return
	}
	reg, now := r.gov.Policies().Current(), r.engine.now()
	asked, err := r.asked(&in, callerOf(req), reg)
	if err != nil {
		refuseGrant(w, err)
		return
	}
	if _, halted := r.gov.Halted(&ledger.Scopes{Tenant: asked.Tenant, Agent: asked.Delegator, Principal: asked.Principal.ID}); halted {
		refuseGrant(w, fmt.Errorf("%w: %s", decision.ErrGrantHalt, asked.Delegator))
		return
	}
	r.engine.granting.Lock()
	g, err := r.engine.grants.Register(asked, reg, r.engine.newID(now), now)
	r.engine.granting.Unlock()
	if err != nil {
		refuseGrant(w, err)
		return
	}
	if err := r.tell(req, g, now); err != nil {
		r.engine.granting.Lock()
		_, _ = r.engine.grants.Revoke(g.ID, "spanwarden", "could not be recorded", now)
		r.engine.granting.Unlock()
		fail(w, http.StatusServiceUnavailable, string(decision.ReasonEvidenceUnavailable))
		return
	}
	answer(w, http.StatusCreated, operator.Delegation{
		ID: g.ID, ChainID: g.Chain, ExpiresAt: g.Expires.UTC(), Token: grantToken(g, []byte(r.cfg.Digest.Key)),
		Headers: map[string]string{"baggage": attr.DelegationID + "=" + g.ID + "," + attr.ChainID + "=" + g.Chain},
	})
}

// asked translates the body.
func (r *decisionReceiver) asked(in *operator.Delegate, c caller, reg *policy.Registry) (*decision.Asked, error) {
	out := &decision.Asked{
		Delegator: in.Delegator, Delegatee: in.Delegatee, Grade: policy.GradeDeclared, Tenant: r.cfg.Tenant, Scope: in.Scope,
		Constraints: in.Constraints, MaxDepth: in.MaxDepth, Purpose: in.Purpose,
	}
	if reg != nil && (c.spiffe != "" || c.clientID != "") {
		b, ok := reg.Bind(&policy.Identity{SPIFFE: c.spiffe, OAuthClientID: c.clientID})
		if !ok {
			return nil, fmt.Errorf("%w: the caller is no registered agent", decision.ErrDelegation)
		}
		out.Delegator, out.Grade = b.Agent.ID(), policy.GradeVerified
	}
	var errs []error
	bad := func(member, message string) {
		errs = append(errs, fmt.Errorf("%w: %s: %s", decision.ErrGrantForm, member, message))
	}
	if out.Delegator == "" {
		bad("delegator", "is missing, and the caller is not known")
	}
	if in.Delegatee == "" {
		bad("delegatee", "is missing")
	}
	if len(in.Scope) == 0 {
		bad("scope", "is empty: a grant of nothing")
	}
	if in.Parent != nil {
		out.Parent = *in.Parent
	}
	if in.TTL != "" {
		ttl, err := time.ParseDuration(in.TTL)
		if err != nil || ttl <= 0 {
			bad("ttl", fmt.Sprintf("want a positive duration such as 10m, not %q", shorten(in.TTL)))
		}
		out.TTL = ttl
	}
	if in.Principal != "" {
		kind, id, ok := strings.Cut(in.Principal, ":")
		if !ok || kind == "" || id == "" {
			bad("principal", "want type:id")
		}
		out.Principal = policy.Principal{Type: kind, ID: id, Grade: policy.GradeDeclared}
	}
	return out, errors.Join(errs...)
}

func refuseGrant(w http.ResponseWriter, err error) {
	for _, refusal := range []error{decision.ErrDelegation, decision.ErrOverGrant, decision.ErrDepth, decision.ErrGrantHalt} {
		if errors.Is(err, refusal) {
			answer(w, http.StatusForbidden, operator.Error{Error: err.Error(), Reason: refusal.Error()})
			return
		}
	}
	fail(w, http.StatusBadRequest, err.Error())
}

func (r *decisionReceiver) revoke(w http.ResponseWriter, req *http.Request) {
	var in operator.Release
	if !read(w, req, &in) {
		return
	}
	now := r.engine.now()
	r.engine.granting.Lock()
	g, err := r.engine.grants.Revoke(req.PathValue("id"), strings.TrimSpace(in.By), strings.TrimSpace(in.Reason), now)
	r.engine.granting.Unlock()
	switch {
	case errors.Is(err, decision.ErrNoGrant):
		fail(w, http.StatusNotFound, err.Error())
		return
	case err != nil:
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	if err := r.tell(req, g, now); err != nil {
		// It is revoked all the same: less authority needs no evidence first.
		r.set.Logger.Warn("a revocation could not be recorded")
	}
	answer(w, http.StatusOK, grantOf(g))
}

func (r *decisionReceiver) delegation(w http.ResponseWriter, req *http.Request) {
	r.engine.granting.Lock()
	g, ok := r.engine.grants.Get(req.PathValue("id"))
	r.engine.granting.Unlock()
	if !ok {
		fail(w, http.StatusNotFound, decision.ErrNoGrant.Error())
		return
	}
	answer(w, http.StatusOK, grantOf(g))
}

func (r *decisionReceiver) chain(w http.ResponseWriter, req *http.Request) {
	r.engine.granting.Lock()
	grants := r.engine.grants.Chain(req.PathValue("id"))
	r.engine.granting.Unlock()
	if len(grants) == 0 {
		fail(w, http.StatusNotFound, "no delegation of this chain is remembered here")
		return
	}
	out := operator.Chain{ID: req.PathValue("id")}
	for _, g := range grants {
		out.Grants = append(out.Grants, grantOf(g))
	}
	answer(w, http.StatusOK, out)
}

func grantOf(g *decision.Grant) operator.Grant {
	out := operator.Grant{
		ID: g.ID, ChainID: g.Chain, Parent: g.Parent, Delegator: g.Delegator, Delegatee: g.Delegatee, Grade: g.Grade,
		Principal: g.Principal.String(), Scope: g.Items, Purpose: g.Purpose, Depth: g.Depth + 1, MaxDepth: g.MaxDepth,
		GrantedAt: g.At.UTC(), ExpiresAt: g.Expires.UTC(), RevokedBy: g.RevokedBy, Reason: g.RevokedWhy,
	}
	if g.Constraints != "" {
		out.Constraints = json.RawMessage(g.Constraints)
	}
	if !g.Revoked.IsZero() {
		at := g.Revoked.UTC()
		out.RevokedAt = &at
	}
	return out
}

// grantToken is the grant as a signed statement (JWS, HS256 with digest::key). It is
// for whoever shares that key; this receiver looks grants up by id.
func grantToken(g *decision.Grant, key []byte) string {
	if len(key) == 0 {
		return "" // nobody could check it
	}
	claims, err := json.Marshal(map[string]any{
		"jti": g.ID, "iss": "spanwarden", "sub": g.Delegatee, "act": g.Delegator, "iat": g.At.Unix(), "exp": g.Expires.Unix(),
		"chain_id": g.Chain, "scope": g.Items,
	})
	if err != nil {
		return "" // cannot happen
	}
	enc := base64.RawURLEncoding
	signed := enc.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + enc.EncodeToString(claims)
	h := hmac.New(sha256.New, key)
	h.Write([]byte(signed))
	return signed + "." + enc.EncodeToString(h.Sum(nil))
}

// tell sends a grant, or its end, down the pipeline as a span.
func (r *decisionReceiver) tell(req *http.Request, g *decision.Grant, now time.Time) error {
	trace, parent := traceParent(req.Header.Get("Traceparent"))
	if trace == [16]byte{} {
		trace = r.engine.newID(now)
	}
	sum := sha256.Sum256([]byte(g.ID + "\n" + g.Revoked.String()))
	return r.evidence.send(req.Context(), &entry{spans: func(td ptrace.Traces) {
		s := r.evidence.builder.scope(td, attr.Scope).AppendEmpty()
		s.SetName(grantSpan)
		s.SetTraceID(pcommon.TraceID(trace))
		s.SetParentSpanID(pcommon.SpanID(parent))
		s.SetSpanID(pcommon.SpanID(sum[:8]))
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(now))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(now))
		putGrant(s.Attributes(), g)
	}})
}

func putGrant(a pcommon.Map, g *decision.Grant) {
	for _, kv := range [...][2]string{
		{attr.DelegationID, g.ID},
		{attr.ChainID, g.Chain},
		{attr.DelegationParent, g.Parent},
		{attr.Delegator, g.Delegator},
		{attr.DelegationDelegatee, g.Delegatee},
		{attr.DelegationGrade, g.Grade},
		{attr.TenantID, g.Tenant},
		{attr.DelegationPurpose, g.Purpose},
		{attr.DelegationConstraints, g.Constraints},
		{attr.PrincipalID, g.Principal.ID},
		{attr.PrincipalType, g.Principal.Type},
		{attr.PrincipalGrade, g.Principal.Grade},
		{attr.DelegationNotBefore, g.At.UTC().Format(time.RFC3339Nano)},
		{attr.DelegationExpiresAt, g.Expires.UTC().Format(time.RFC3339Nano)},
		{attr.DelegationGrantedBy, g.Delegator},
	} {
		if kv[1] != "" {
			a.PutStr(kv[0], kv[1])
		}
	}
	if !g.Revoked.IsZero() {
		a.PutStr(attr.DelegationRevokedAt, g.Revoked.UTC().Format(time.RFC3339Nano))
	}
	a.PutInt(attr.DelegationMaxDepth, int64(g.MaxDepth))
	scope := a.PutEmptySlice(attr.DelegationScope)
	for _, item := range g.Items {
		scope.AppendEmpty().SetStr(item)
	}
}
