package chainstore

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/spanwarden/spanwarden/internal/chain"
)

// chain reads the revisions of the chain; the last one is what is shown.
func (q *query) chain(id string, p *chain.Page) error {
	return q.each(`SELECT DISTINCT revision, tenant_id, state, verdict, grade, reasons, depth, root_run_id, runs, edges, first_at, last_at, recorded_at,
       superseded_by, principal_id, principal_type, principal_grade
FROM chains WHERE chain_id = @chain AND recorded_at >= @period_start AND recorded_at < @period_end ORDER BY revision, recorded_at`,
		named(id), func(r driver.Rows) error {
			var revision uint64
			var state, verdict, grade, root, kind string
			var c chain.ChainView
			var reasons []string
			var d, runs, edges *uint64
			var first, last *time.Time
			var at time.Time
			if err := r.Scan(&revision, &c.Tenant, &state, &verdict, &grade, &reasons, &d, &root, &runs, &edges, &first, &last, &at,
				&c.SupersededBy, &c.Principal.ID, &c.Principal.Type, &kind); err != nil {
				return err
			}
			c.ID, c.Revision, c.State, c.Verdict, c.Grade = id, int(revision), chain.State(state), chain.Code(verdict), chain.Grade(grade)
			c.Principal.Grade = chain.Grade(kind)
			c.Reasons, c.Depth, c.Root, c.RootResolved = codes(reasons), depth(d), ref(root), d != nil
			c.Runs, c.Edges = max(0, depth(runs)), max(0, depth(edges))
			c.First, c.Last = nanos(first), nanos(last)
			p.Chain = c
			sum := sha256.Sum256([]byte(id + "\n" + verdict + "\n" + root + "\n" + at.UTC().Format(time.RFC3339Nano)))
			p.Revisions = append(p.Revisions, chain.Revision{Number: int(revision), At: at.UnixNano(), Verdict: c.Verdict, Digest: hex.EncodeToString(sum[:16])})
			return nil
		})
}

func (q *query) runs(id string, p *chain.Page) error {
	err := q.each(`SELECT run_id, tenant_id, agent_id, agent_version, workload, session_id, depth, started_at, ended_at, dropped_links, reasons,
       principal_id, principal_type, principal_grade, extra['spanwarden.delegation.id'], extra['spanwarden.delegation.delegator'],
       extra['spanwarden.delegation.grade'], extra['spanwarden.policy.version']
FROM ev_runs(period_start = @period_start, period_end = @period_end) WHERE chain_id = @chain ORDER BY depth, started_at, run_id`,
		named(id), func(r driver.Rows) error {
			var v chain.RunView
			var run, grade string
			var d, dropped *uint64
			var started, ended *time.Time
			var reasons []string
			var dl chain.DelegationView
			var dlGrade string
			if err := r.Scan(&run, &v.Tenant, &v.Agent, &v.Version, &v.Workload, &v.Session, &d, &started, &ended, &dropped, &reasons,
				&v.Principal.ID, &v.Principal.Type, &grade, &dl.ID, &dl.Delegator, &dlGrade, &v.PolicyVersion); err != nil {
				return err
			}
			v.Run, v.Chain, v.Root, v.Depth = ref(run), id, p.Chain.Root, depth(d)
			v.Start, v.End, v.Principal.Grade, v.Codes = nanos(started), nanos(ended), chain.Grade(grade), codes(reasons)
			v.DroppedLinks = uint32(max(0, depth(dropped)))
			if dlGrade != "" {
				dl.Grade = chain.Grade(dlGrade)
				v.Delegation = &dl
			}
			if v.PolicyVersion != "" && !slices.Contains(p.PolicyVersions, v.PolicyVersion) {
				p.PolicyVersions = append(p.PolicyVersions, v.PolicyVersion)
			}
			p.Runs = append(p.Runs, v)
			return nil
		})
	slices.Sort(p.PolicyVersions)
	return err
}

func (q *query) edges(id string, p *chain.Page) error {
	return q.each(`SELECT edge_id, kind, grade, authority, from_run_id, delegator_id, delegatee_run_id, delegatee_id, trace_id, span_id, delegation_id,
       scope, constraints, not_before, expires_at, granted_by, approved_by, purpose, credential_digest, depth, reasons
FROM ev_edges(period_start = @period_start, period_end = @period_end)
WHERE delegatee_run_id IN (SELECT run_id FROM ev_runs(period_start = @period_start, period_end = @period_end) WHERE chain_id = @chain)
ORDER BY delegatee_run_id, edge_id`,
		named(id), func(r driver.Rows) error {
			e := chain.EdgeView{Chain: id}
			var kind, grade, authority, from, to, trace, span string
			var notBefore, expires *time.Time
			var d *uint64
			var reasons []string
			if err := r.Scan(&e.ID, &kind, &grade, &authority, &from, &e.Delegator, &to, &e.Delegatee, &trace, &span, &e.DelegationID,
				&e.Scope, &e.Constraints, &notBefore, &expires, &e.GrantedBy, &e.ApprovedBy, &e.Purpose, &e.Credential, &d, &reasons); err != nil {
				return err
			}
			e.Kind, e.Grade, e.Authority = chain.Kind(kind), chain.Grade(grade), authority == string(chain.AuthorityRespected)
			e.From, e.To, e.DelegatingSpan = ref(from), ref(to), spanRef(trace, span)
			e.NotBefore, e.ExpiresAt, e.Depth, e.Codes = nanos(notBefore), nanos(expires), depth(d), codes(reasons)
			p.Edges = append(p.Edges, e)
			return nil
		})
}

func (q *query) actions(id string, p *chain.Page) error {
	return q.each(`SELECT trace_id, span_id, run_id, agent_id, tool_name, tool_operation, tool_resource, ts, boundary_verdict, boundary_rule,
       delegation_authority, policy_version, decision_id, delegation_id
FROM ev_actions(period_start = @period_start, period_end = @period_end)
WHERE chain_id = @chain AND kind = 'tool' AND usage_accounting != 'rollup' ORDER BY ts, action_id`,
		named(id), func(r driver.Rows) error {
			a := chain.ActionView{Chain: id}
			var trace, span, run, verdict, authority, delegation string
			var at time.Time
			if err := r.Scan(&trace, &span, &run, &a.Agent, &a.Tool, &a.Operation, &a.Resource, &at, &verdict, &a.Rule,
				&authority, &a.PolicyVersion, &a.DecisionID, &delegation); err != nil {
				return err
			}
			a.Span, a.Run, a.Start = spanRef(trace, span), ref(run), at.UnixNano()
			a.Boundary, a.Authority = chain.Boundary(verdict), chain.Authority(authority)
			if verdict == "" {
				a.Boundary = chain.BoundaryNotEvaluated
			}
			if authority == "" {
				a.Authority = chain.AuthorityUnknown
			}
			if delegation != "" {
				a.Path = []string{delegation}
			}
			p.Actions = append(p.Actions, a)
			return nil
		})
}

func (q *query) findings(id string, p *chain.Page) error {
	return q.each(`SELECT type, severity, message, agent_id, principal_id, session_id, rule, policy_version, trace_id, span_id, extra['spanwarden.run.id']
FROM ev_finding_events(period_start = @period_start, period_end = @period_end)
WHERE extra['spanwarden.chain.id'] = @chain
ORDER BY ts DESC LIMIT 1 BY finding_id`,
		named(id), func(r driver.Rows) error {
			f := chain.Finding{Chain: id}
			var severity, trace, span, run string
			if err := r.Scan(&f.Type, &severity, &f.Message, &f.Agent, &f.Principal, &f.Session, &f.Rule, &f.PolicyVersion, &trace, &span, &run); err != nil {
				return err
			}
			f.Severity, f.Accused, f.Run = chain.Severity(severity), spanRef(trace, span), ref(run)
			p.Findings = append(p.Findings, f)
			p.Chain.Reasons = slices.Compact(p.Chain.Reasons)
			return nil
		})
}
