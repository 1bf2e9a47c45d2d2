package agents

import "time"

// ReasoningLoop is an agent that reasons in circles on an expensive model: 87 USD
// after 30 s, under a budget of 100 USD a session. It does not ask before it
// acts, so it goes on for one more call after it is halted.
var ReasoningLoop = Scenario{
	Name: "reasoning-loop", Service: "research",
	Play: func(s *Stage) {
		s.Agent("researcher", SessionLoop, "alice@acme.example", func() {
			for range 5 { // 17.40 USD each
				s.Model("openai", "o1-pro", 20_000, 24_000, 6*time.Second)
				s.Send()
			}
			s.Wait(time.Second)
			s.Model("openai", "o1-pro", 20_000, 24_000, 6*time.Second)
		})
	},
}

// SessionLoop is the session of ReasoningLoop.
const SessionLoop = "session-reasoning-loop"
