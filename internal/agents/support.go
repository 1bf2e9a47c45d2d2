package agents

import "time"

// Sessions of SupportDesk and SupportDeskLive.
const (
	SessionSupport     = "session-support"
	SessionSupportLive = "session-support-live"
)

// SupportDesk is a support agent that may list customers and send mail. It does
// both, and then tries to delete a customer, which nobody allowed. All of its
// spans are sent at the end, as those of a short run are.
var SupportDesk = Scenario{
	Name: "support-desk", Service: "support",
	Play: func(s *Stage) { s.supportDesk(SessionSupport, func() {}) },
}

// SupportDeskLive is the same, sent while it happens: what the agent did arrives
// before the span that says who did it.
var SupportDeskLive = Scenario{
	Name: "support-desk-live", Service: "support",
	Play: func(s *Stage) { s.supportDesk(SessionSupportLive, s.Send) },
}

func (s *Stage) supportDesk(session string, sent func()) {
	s.Agent("support", session, "alice@acme.example", func() {
		s.Model("openai", "gpt-4o-mini", 800, 60, time.Second)
		s.Tool("list_customers", `{}`, 200*time.Millisecond)
		sent()
		s.Model("openai", "gpt-4o-mini", 1400, 120, time.Second)
		s.Tool("send_email", `{"to":"ann@example.com","subject":"Your ticket"}`, 150*time.Millisecond)
		s.Tool("send_email", `{"to":"ben@example.com","subject":"Your ticket"}`, 150*time.Millisecond)
		sent()
		s.Model("openai", "gpt-4o-mini", 1600, 40, time.Second)
		s.Tool("delete_customer", `{"customer_id":"C-1047"}`, 100*time.Millisecond)
		sent()
		s.Model("openai", "gpt-4o-mini", 1700, 80, time.Second)
	})
}
