package decisionreceiver

import (
	"crypto/x509"
	"net"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/collector/client"

	"github.com/spanwarden/spanwarden/internal/decision"
	"github.com/spanwarden/spanwarden/internal/policy"
)

// caller is who sent a request, as the listener's own TLS and auth found out.
type caller struct {
	address, clientID, subject, spiffe string
}

const notForPages = "not for web pages: set http::auth or http::cors to let them ask"

// webPage reports whether a page in somebody's browser asks, where nothing keeps
// pages out: it could read the policy, or use up what others may do.
func (r *decisionReceiver) webPage(req *http.Request) bool {
	return req.Header.Get("Origin") != "" && !r.cfg.HTTP.Auth.HasValue() && !r.cfg.HTTP.CORS.HasValue()
}

func callerOf(req *http.Request) caller {
	c := caller{address: req.RemoteAddr}
	if host, _, err := net.SplitHostPort(req.RemoteAddr); err == nil {
		c.address = host
	}
	if auth := client.FromContext(req.Context()).Auth; auth != nil {
		c.subject = attribute1(auth, "sub", "subject")
		c.clientID = attribute1(auth, "client_id", "azp")
	}
	if req.TLS != nil && len(req.TLS.VerifiedChains) > 0 {
		c.spiffe = spiffeOf(req.TLS.PeerCertificates[0])
	}
	return c
}

func attribute1(auth client.AuthData, names ...string) string {
	for _, n := range names {
		if s, ok := auth.GetAttribute(n).(string); ok && s != "" {
			return s
		}
	}
	return ""
}

func spiffeOf(cert *x509.Certificate) string {
	for _, u := range cert.URIs {
		if u.Scheme == "spiffe" {
			return u.String()
		}
	}
	return ""
}

// key is what a rate limit is kept for.
func (c caller) key() string {
	return firstOf(c.spiffe, c.clientID, c.subject, c.address)
}

// by is who asked, as records say it.
func (c caller) by(adapter string) string {
	who := firstOf(c.spiffe, c.clientID, c.subject)
	if who != "" {
		who = "/" + who
	}
	return "adapter:" + adapter + who + "@" + c.address
}

// verify adds to a question what the connection proved: the agent, and on whose
// behalf a token of the agent was issued.
func (c caller) verify(q *decision.Question) {
	q.Verified.SPIFFE, q.Verified.OAuthClientID = c.spiffe, c.clientID
	if c.clientID != "" && c.subject != "" && c.subject != c.clientID {
		q.VerifiedPrincipal = policy.Principal{Type: "user", ID: c.subject, Grade: policy.GradeVerified}
	}
}

// limiter is a token bucket for each caller. Callers beyond its bound share one.
type limiter struct {
	perSecond, burst float64
	callers          int

	mu      sync.Mutex
	buckets map[string]*bucket
	swept   time.Time
}

type bucket struct {
	tokens float64
	at     time.Time
}

func newLimiter(c *RateLimitConfig) *limiter {
	return &limiter{perSecond: c.PerSecond, burst: float64(c.Burst), callers: c.Callers, buckets: map[string]*bucket{}}
}

// sweepInterval is how often callers who have been still are forgotten.
const sweepInterval = time.Minute

func (l *limiter) allow(key string, now time.Time) bool {
	if l.perSecond == 0 {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.buckets[key]
	if b == nil && len(l.buckets) >= l.callers {
		l.sweep(now)
		if len(l.buckets) >= l.callers {
			key = "" // everybody else
			b = l.buckets[key]
		}
	}
	if b == nil {
		b = &bucket{tokens: l.burst, at: now}
		l.buckets[key] = b
	}
	if passed := now.Sub(b.at).Seconds(); passed > 0 {
		b.tokens, b.at = min(l.burst, b.tokens+passed*l.perSecond), now
	}
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// sweep forgets callers whose bucket is full again.
func (l *limiter) sweep(now time.Time) {
	if now.Sub(l.swept) < sweepInterval {
		return
	}
	l.swept = now
	for key, b := range l.buckets {
		if b.tokens+now.Sub(b.at).Seconds()*l.perSecond >= l.burst {
			delete(l.buckets, key)
		}
	}
}
