package agents

import (
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	api "go.opentelemetry.io/otel/trace"
)

// SessionRetryLoop is the session of RetryLoop in which it happens.
const SessionRetryLoop = "session-retry-loop"

// RetryLoop is an agent that makes 5 to 10 calls a task, every few hours for two
// weeks, and then 500 within an hour: the service that it asks limits its rate,
// and it tries again.
var RetryLoop = Scenario{
	Name: "retry-loop", Service: "fetcher",
	Play: func(s *Stage) {
		end := s.now
		const tasks = 120
		for i := range tasks {
			s.now = end.Add(-time.Duration(tasks-i) * 3 * time.Hour)
			s.Agent("fetcher", fmt.Sprintf("session-fetch-%03d", i), "alice@acme.example", func() {
				for n := range 5 + i*7%6 {
					s.Tool("http_get", fmt.Sprintf(`{"url":"https://api.example/items/%d"}`, i*10+n), 300*time.Millisecond)
					s.Wait(time.Second)
				}
			})
		}
		s.now = end
		s.Agent("fetcher", SessionRetryLoop, "alice@acme.example", func() {
			for range 500 {
				s.Fail("http_get", `{"url":"https://api.example/items/42"}`, "429", 200*time.Millisecond)
				s.Wait(7 * time.Second)
			}
		})
	},
}

// Fail is one tool call that fails with an error type.
func (s *Stage) Fail(name, arguments, errorType string, lasts time.Duration) {
	_, span := s.tracer.Start(s.ctx, "execute_tool "+name, api.WithTimestamp(s.now), api.WithAttributes(
		attribute.String("gen_ai.operation.name", "execute_tool"),
		attribute.String("gen_ai.conversation.id", s.session),
		attribute.String("gen_ai.tool.name", name),
		attribute.String("gen_ai.tool.call.id", fmt.Sprintf("call-%d", s.now.UnixNano())),
		attribute.String("gen_ai.tool.call.arguments", arguments),
		attribute.String("error.type", errorType)))
	s.Wait(lasts)
	span.SetStatus(codes.Error, errorType)
	span.End(api.WithTimestamp(s.now))
	s.spans[s.session]++
}
