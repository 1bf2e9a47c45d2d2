package decisionreceiver

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/decision"
	"github.com/spanwarden/spanwarden/internal/decision/claudecode"
	"github.com/spanwarden/spanwarden/internal/policy"
)

// hookScope is the scope of spans made from hooks: what was done, as the hook
// tells it.
const hookScope = "spanwarden.hooks"

// hooks remembers what began, so that what ends has a start.
type hooks struct {
	opts   claudecode.Options
	engine *engine

	mu    sync.Mutex
	limit int
	began map[[8]byte]begun
	order [][8]byte
	head  int
	gone  int64
}

type begun struct {
	at       time.Time
	decision decision.ID
}

func newHooks(cfg *Config, e *engine) *hooks {
	h := &hooks{
		opts: claudecode.Options{Agent: cfg.ClaudeCode.Agent, Tenant: cfg.Tenant}, engine: e,
		limit: cfg.Limits.Calls, began: map[[8]byte]begun{},
	}
	if kind, id, ok := strings.Cut(cfg.ClaudeCode.Principal, ":"); ok {
		h.opts.Principal = policy.Principal{Type: kind, ID: id, Grade: policy.GradePlatform}
	}
	return h
}

func (h *hooks) forgotten() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.gone
}

func (h *hooks) begin(span [8]byte, b begun) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, known := h.began[span]; known {
		h.began[span] = b
		return
	}
	if len(h.order) < h.limit {
		h.order = append(h.order, span)
	} else {
		delete(h.began, h.order[h.head])
		h.gone++
		h.order[h.head] = span
		h.head = (h.head + 1) % h.limit
	}
	h.began[span] = b
}

// start returns when and under which decision a span began; what is not known
// began now.
func (h *hooks) start(span [8]byte, now time.Time) begun {
	h.mu.Lock()
	defer h.mu.Unlock()
	if b, ok := h.began[span]; ok {
		return b
	}
	return begun{at: now}
}

// claudeCode answers hooks. It never answers an error status: Claude Code takes
// one for leave to go on.
func (r *decisionReceiver) claudeCode(w http.ResponseWriter, req *http.Request) {
	c := callerOf(req)
	if !r.limiter.allow(c.key(), r.engine.now()) {
		r.tel.ReceiverDecisionRateLimited.Add(req.Context(), 1)
		r.hookFailure(w, nil, "too many requests")
		return
	}
	if r.webPage(req) {
		r.hookFailure(w, nil, notForPages)
		return
	}
	raw, _, err := body(w, req)
	var e *claudecode.Event
	if err == nil {
		e, err = claudecode.Parse(raw)
	}
	if err != nil {
		r.hookFailure(w, e, err.Error())
		return
	}
	r.countHook(req, e.Name)
	if e.Name != claudecode.PreToolUse {
		r.happened(req, e, raw)
		answer(w, http.StatusOK, claudecode.Answer{})
		return
	}
	q := e.Question(r.hooks.opts)
	c.verify(q)
	rec := r.engine.answer(req.Context(), q, c.by("claude-code"))
	if e.ToolUseID != "" {
		r.hooks.begin(claudecode.SpanID(e.Session, e.ToolUseID), begun{rec.At, rec.ID})
	}
	answer(w, http.StatusOK, claudecode.AnswerOf(rec, r.cfg.ClaudeCode.AnswerAllow, r.cfg.ClaudeCode.Verbosity == VerbosityRule))
}

// hookFailure answers what could not be decided: a denial, unless the operator
// prefers agents to go on, or the event is known to ask nothing.
func (r *decisionReceiver) hookFailure(w http.ResponseWriter, e *claudecode.Event, message string) {
	asks := e == nil || e.Name == claudecode.PreToolUse || e.Name == ""
	if !asks || r.cfg.ClaudeCode.OnError == OnErrorAllow {
		answer(w, http.StatusOK, claudecode.Answer{})
		return
	}
	answer(w, http.StatusOK, claudecode.Failure(message))
}

var knownEvents = map[string]bool{
	claudecode.PreToolUse: true, claudecode.PostToolUse: true, claudecode.PostToolUseFailure: true,
	claudecode.SubagentStart: true, claudecode.SubagentStop: true, claudecode.SessionStart: true, claudecode.SessionEnd: true,
	"UserPromptSubmit": true, "Stop": true, "PermissionRequest": true, "Notification": true, "PreCompact": true,
}

func (r *decisionReceiver) countHook(req *http.Request, name string) {
	if !knownEvents[name] {
		name = "other"
	}
	r.tel.ReceiverDecisionHooks.Add(req.Context(), 1, metric.WithAttributeSet(attribute.NewSet(attribute.String("event", name))))
}

// happened makes a span of an event that asks nothing. All ids are derived: a
// replay changes nothing.
func (r *decisionReceiver) happened(req *http.Request, e *claudecode.Event, raw []byte) {
	now := r.engine.now()
	switch e.Name {
	case claudecode.SubagentStart:
		r.hooks.begin(claudecode.SpanID(e.Session, e.AgentID), begun{at: now})
		return
	case claudecode.SessionStart:
		r.hooks.begin(claudecode.SpanID(e.Session, claudecode.Main), begun{at: now})
		return
	}
	s := &hookSpan{event: e, opts: r.hooks.opts, end: now, arguments: r.cfg.ClaudeCode.RecordArguments, digest: r.engine.digest}
	switch e.Name {
	case claudecode.PostToolUse, claudecode.PostToolUseFailure:
		if e.ToolUseID == "" {
			return // nothing to join it by
		}
		s.id = claudecode.SpanID(e.Session, e.ToolUseID)
	case claudecode.SubagentStop:
		s.id = claudecode.SpanID(e.Session, e.AgentID)
	case claudecode.SessionEnd:
		s.id = claudecode.SpanID(e.Session, claudecode.Main)
	default:
		sum := sha256.Sum256(raw)
		s.id = claudecode.SpanID(e.Session, e.Name+"\n"+hex.EncodeToString(sum[:]))
	}
	s.begun = r.hooks.start(s.id, now)
	// The answer asks for nothing, so it does not wait for the record either.
	r.evidence.offer(&entry{spans: func(td ptrace.Traces) { s.write(r.evidence.builder.scope(td, hookScope)) }})
	_ = req
}

// hookSpan is what a hook tells of something that was done.
type hookSpan struct {
	event     *claudecode.Event
	opts      claudecode.Options
	id        [8]byte
	begun     begun
	end       time.Time
	arguments bool
	digest    decision.Digester
}

func (h *hookSpan) write(spans ptrace.SpanSlice) {
	e, s := h.event, spans.AppendEmpty()
	s.SetTraceID(claudecode.TraceID(e.Session))
	s.SetSpanID(h.id)
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(h.begun.at))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(h.end))
	a := s.Attributes()
	put := func(name, value string) {
		if value != "" {
			a.PutStr(name, value)
		}
	}
	put("gen_ai.provider.name", "anthropic")
	put("gen_ai.conversation.id", e.Session)
	put("session.id", e.Session)
	put("gen_ai.agent.name", e.AgentName(h.opts))
	if e.AgentID != "" {
		put("gen_ai.agent.id", e.AgentName(h.opts))
		put("claude_code.agent_id", e.AgentID)
	}
	put(attr.PrincipalID, h.opts.Principal.ID)
	put(attr.PrincipalType, h.opts.Principal.Type)
	put(attr.TenantID, h.opts.Tenant)
	main := pcommon.SpanID(claudecode.SpanID(e.Session, claudecode.Main))
	switch e.Name {
	case claudecode.PostToolUse, claudecode.PostToolUseFailure:
		h.tool(s)
	case claudecode.SubagentStop:
		s.SetName("invoke_agent " + e.AgentName(h.opts))
		put("gen_ai.operation.name", "invoke_agent")
		s.SetParentSpanID(main)
	case claudecode.SessionEnd:
		s.SetName("invoke_agent " + h.opts.Agent)
		put("gen_ai.operation.name", "invoke_agent")
	default:
		s.SetName("claude_code.hook")
		put("claude_code.hook_event", e.Name)
		s.SetParentSpanID(main)
	}
}

func (h *hookSpan) tool(s ptrace.Span) {
	e, a := h.event, s.Attributes()
	s.SetName("execute_tool " + e.Tool)
	parent := claudecode.Main
	if e.AgentID != "" {
		parent = e.AgentID
	}
	s.SetParentSpanID(claudecode.SpanID(e.Session, parent))
	a.PutStr("gen_ai.operation.name", "execute_tool")
	a.PutStr("gen_ai.tool.name", e.Tool)
	a.PutStr("gen_ai.tool.call.id", e.ToolUseID)
	if !h.begun.decision.IsZero() {
		a.PutStr(attr.DecisionID, h.begun.decision.String())
	}
	q := e.Question(h.opts)
	if d := q.ArgsDigest(h.digest); d != "" {
		a.PutStr(decision.AttrArgsDigest, d)
	}
	if h.arguments && q.Args != nil {
		if text, err := json.Marshal(q.Args); err == nil {
			a.PutStr("gen_ai.tool.call.arguments", string(text))
		}
	}
	if e.Failed {
		s.Status().SetCode(ptrace.StatusCodeError)
		a.PutStr("error.type", "tool_error")
	}
}
