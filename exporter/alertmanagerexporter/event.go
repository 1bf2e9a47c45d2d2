package alertmanagerexporter

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanwarden/spanwarden/exporter/alertmanagerexporter/internal/alerts"
	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/finding"
)

const (
	labelAlertname = "alertname"
	fieldSeverity  = "severity"
)

func defaultLabels() map[string]string {
	return map[string]string{
		labelAlertname: "{alertname}",
		"severity":     "{severity}",
		"tenant":       "{tenant}",
		"project":      "{project}",
		"agent":        "{agent}",
		"finding_type": "{type}",
		"rule":         "{rule}",
		"finding_key":  "{key}",
		"team":         "{resource.team}",
	}
}

// defaultAnnotations are the facts. Each is left out where it is unknown.
var defaultAnnotations = map[string]string{
	"summary":        "{message}",
	"description":    "{description}",
	"observed":       "{observed}",
	"expected":       "{expected}",
	"limit":          "{limit}",
	"projected_at":   "{projected_at}",
	"found_at":       "{at}",
	"trace_id":       "{trace_id}",
	"span_id":        "{span_id}",
	"session":        "{session}",
	"principal":      "{principal}",
	"policy_version": "{policy_version}",
	"controls":       "{controls}",
	"finding_id":     "{finding_id}",
}

// fields are the placeholders of templates.
var fields = map[string]func(*finding.Finding) string{
	"alertname":      func(f *finding.Finding) string { return alertname(f.Type) },
	"type":           func(f *finding.Finding) string { return string(f.Type) },
	"severity":       func(f *finding.Finding) string { return string(f.Severity) },
	"tenant":         func(f *finding.Finding) string { return f.Tenant },
	"project":        func(f *finding.Finding) string { return f.Project },
	"agent":          func(f *finding.Finding) string { return f.Agent },
	"session":        func(f *finding.Finding) string { return f.Session },
	"principal":      func(f *finding.Finding) string { return f.Principal },
	"rule":           func(f *finding.Finding) string { return f.Rule },
	"key":            func(f *finding.Finding) string { return f.Key },
	"finding_id":     func(f *finding.Finding) string { return f.ID },
	"message":        func(f *finding.Finding) string { return f.Message },
	"description":    describe,
	"policy_version": func(f *finding.Finding) string { return f.PolicyVersion },
	"controls":       func(f *finding.Finding) string { return strings.Join(f.Controls, ", ") },
	"observed":       func(f *finding.Finding) string { return number(f.Observed) },
	"expected":       func(f *finding.Finding) string { return number(f.Expected) },
	"limit":          func(f *finding.Finding) string { return number(f.Limit) },
	"at":             func(f *finding.Finding) string { return stamp(f.At) },
	"projected_at":   func(f *finding.Finding) string { return stamp(f.ProjectedAt) },
	"trace_id":       func(f *finding.Finding) string { return f.TraceID.String() },
	"span_id":        func(f *finding.Finding) string { return f.SpanID.String() },
}

// alertname is the type in the fashion of alert names: budget.exceeded becomes
// SpanwardenBudgetExceeded.
func alertname(t finding.Type) string {
	var b strings.Builder
	b.WriteString("Spanwarden")
	for word := range strings.FieldsFuncSeq(string(t), func(r rune) bool { return r == '.' || r == '_' }) {
		b.WriteString(strings.ToUpper(word[:1]))
		b.WriteString(word[1:])
	}
	return b.String()
}

func number(n finding.Number) string {
	v, ok := n.Get()
	if !ok {
		return ""
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// describe says the facts in one text, for receivers that show no other.
func describe(f *finding.Finding) string {
	var b strings.Builder
	b.WriteString(f.Message)
	for _, fact := range []struct{ name, value string }{
		{"observed", number(f.Observed)},
		{"expected", number(f.Expected)},
		{"limit", number(f.Limit)},
		{"projected to be reached", stamp(f.ProjectedAt)},
		{"agent", f.Agent},
		{"session", f.Session},
		{"principal", f.Principal},
		{"trace", f.TraceID.String()},
		{"span", f.SpanID.String()},
		{"controls", strings.Join(f.Controls, ", ")},
	} {
		if fact.value != "" {
			b.WriteString("\n" + fact.name + ": " + fact.value)
		}
	}
	return b.String()
}

// named is a template under its name.
type named struct {
	name string
	template
}

// renderer makes events of findings. It is immutable.
type renderer struct {
	labels, annotations []named
	generator           template
	lasting             []string
	limits              LimitsConfig
}

func newRenderer(cfg *Config) (*renderer, error) {
	r := &renderer{lasting: cfg.UntilResolved, limits: cfg.Limits}
	annotations := maps.Clone(defaultAnnotations)
	maps.Copy(annotations, cfg.Annotations)
	var err error
	if r.labels, err = parseAll(cfg.Labels); err != nil {
		return nil, err
	}
	if r.annotations, err = parseAll(annotations); err != nil {
		return nil, err
	}
	r.generator, err = parseTemplate(cfg.GeneratorURL)
	return r, err
}

func parseAll(texts map[string]string) ([]named, error) {
	var out []named
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		t, err := parseTemplate(texts[name])
		if err != nil {
			return nil, err
		}
		if len(t) > 0 {
			out = append(out, named{name, t})
		}
	}
	return out, nil
}

// event renders a finding. observed stands for a finding's time that is unknown.
func (r *renderer) event(f *finding.Finding, record, resource pcommon.Map, observed time.Time) alerts.Event {
	value := func(field string) string { return lookUp(f, field, record, resource) }
	at := f.At
	if at.IsZero() {
		at = observed
	}
	ev := alerts.Event{
		ID: f.ID, Resolved: f.State == finding.Resolved, Rank: f.Severity.Rank(), Lasting: r.isLasting(string(f.Type)) && !endsUnsaid(f), At: at,
		Content: alerts.Content{Labels: map[string]string{}, Annotations: map[string]string{}},
	}
	identity := sha256.New()
	for i := range r.labels {
		l := &r.labels[i]
		if text := cutLabel(l.text(value), r.limits.LabelBytes); text != "" {
			ev.Labels[l.name] = text
		}
		cause := l.text(func(field string) string {
			if field == fieldSeverity {
				return "" // a cause keeps its alert when it becomes more severe
			}
			return value(field)
		})
		identity.Write([]byte(strconv.Itoa(len(cause)) + ":" + cause))
	}
	ev.Cause = hex.EncodeToString(identity.Sum(nil)[:16])
	for i := range r.annotations {
		a := &r.annotations[i]
		if text := cut(a.text(value), r.limits.AnnotationBytes); text != "" {
			ev.Annotations[a.name] = text
		}
	}
	ev.GeneratorURL = r.address(value)
	return ev
}

func (n *named) text(value func(string) string) string {
	if n.vacant(value) {
		return ""
	}
	return strings.ToValidUTF8(n.render(value), "\uFFFD")
}

// address is empty where it would be too long: half an address leads nowhere.
func (r *renderer) address(value func(string) string) string {
	text := r.generator.render(func(field string) string { return url.QueryEscape(value(field)) })
	if len(text) > r.limits.AnnotationBytes {
		return ""
	}
	return text
}

func (r *renderer) isLasting(t string) bool {
	for _, pattern := range r.lasting {
		prefix, wild := strings.CutSuffix(pattern, "*")
		if t == pattern || wild && strings.HasPrefix(t, prefix) {
			return true
		}
	}
	return false
}

// endsUnsaid is true for the budget of a session or a run: when that is over,
// nobody says so. A halt of one lasts, until a person releases it.
func endsUnsaid(f *finding.Finding) bool {
	period := f.Extra[attr.BudgetPeriod]
	return f.Type != finding.BudgetHalt && (period == "session" || period == "run")
}

func lookUp(f *finding.Finding, field string, record, resource pcommon.Map) string {
	if read, ok := fields[field]; ok {
		return read(f)
	}
	from := record
	name, ok := strings.CutPrefix(field, attributePrefix)
	if !ok {
		name, from = strings.TrimPrefix(field, resourcePrefix), resource
	}
	if v, ok := from.Get(name); ok {
		return v.AsString()
	}
	return ""
}

// cut shortens a text to at most n bytes, at a rune's boundary.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	const mark = "…"
	end := n - len(mark)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + mark
}

// cutLabel keeps labels apart that differ only beyond the limit: what is cut off
// is replaced by a digest of the whole.
func cutLabel(text string, n int) string {
	if len(text) <= n {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	digest := hex.EncodeToString(sum[:6])
	return cut(text, n-len(digest)) + digest
}
