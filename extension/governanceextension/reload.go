package governanceextension

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/internal/policy"
)

// registryKey holds the registry's last versions: an action is judged by the one
// that was in force when it began, also after a restart.
const registryKey = "registry"

// maxStoredRegistry bounds what is stored of them, in bytes; older versions are
// left out.
const maxStoredRegistry = 16 << 20

// maxNamed bounds how many files a finding names.
const maxNamed = 100

// storedVersion is one version of the registry as its files.
type storedVersion struct {
	From  time.Time
	Files []policy.File
}

// reload puts edited policy files in force, all together or none, or says once
// why it cannot.
func (e *governor) reload(ctx context.Context) {
	files, err := readPolicy(e.cfg)
	seen := files.digest()
	if err == nil && seen == e.seen {
		return
	}
	next := compiled{}
	if err == nil {
		next, err = files.compile()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ready(ctx) != nil {
		return // the next reload tries again
	}
	if err == nil {
		err = e.takePolicy(&files, &next)
	}
	if err != nil {
		e.refuse(&files, seen, err)
	} else {
		e.seen, e.refused = seen, ""
		e.reloaded(resultSwapped)
		e.log.Info("policy reloaded", zap.String("budgets", e.book.ledger.Budgets().Version()), zap.String("registry", versionOf(e.Policies().Current())))
	}
	_ = e.commit(ctx)
}

// takePolicy puts policy in force and queues the findings that say so.
func (e *governor) takePolicy(files *policyFiles, next *compiled) error {
	if !next.budgets.equal(e.book.budgets) {
		before := e.book.ledger.Budgets()
		found, err := e.book.take(next.budgets, e.now())
		if err != nil {
			return err
		}
		after := e.book.ledger.Budgets()
		c := change{
			kind: "budgets", files: files.names(), previous: before.Version(), version: after.Version(), keys: changedBudgets(before, after),
			rules: budgetRules(after), content: string(next.budgets.Data),
		}
		e.post(append([]finding.Finding{c.finding(e.now())}, found...))
	}
	if next.registry != nil {
		e.takeRegistry(files, next.registry)
	}
	return nil
}

func (e *governor) takeRegistry(files *policyFiles, next *policy.Registry) {
	history := e.Policies()
	before := history.Current()
	if versionOf(before) == next.Version() {
		return
	}
	now := e.now()
	history = history.Add(now, next)
	e.policies.Store(&history)
	e.chains.follow(history, now, now)
	e.versions = append(e.versions, storedVersion{now, files.registry})
	e.storeVersions()
	c := change{kind: "registry", version: next.Version(), previous: versionOf(before)}
	for _, f := range files.registry[:min(len(files.registry), maxNamed)] {
		c.files = append(c.files, f.Name)
	}
	c.content = textOf(files.registry)
	diff := next.Diff(before)
	for _, d := range diff {
		c.keys = append(c.keys, changedEntry(d)...)
	}
	f := c.finding(now)
	if raw, err := json.Marshal(diff); err == nil {
		f.Extra[attr.ConfigDiff] = string(raw)
	}
	if declared := declaredBy(next); len(declared) > 0 {
		f.Extra[attr.ConfigDeclared] = declared
	}
	e.post([]finding.Finding{f})
}

// textOf is the registry as it was read, each file after its name.
func textOf(files []policy.File) string {
	var b strings.Builder
	for _, f := range files {
		b.WriteString("# " + f.Name + "\n")
		b.Write(f.Data)
		b.WriteString("\n")
	}
	return b.String()
}

// maxDeclared bounds how many of the things that a registry allows one finding
// names.
const maxDeclared = 20_000

// declaredBy returns the register of agents and what they may use, as the audit
// store compares it with what they used. Entries come first: they are the fewest.
func declaredBy(r *policy.Registry) (out []any) {
	for _, e := range r.Register() {
		if len(out) == maxDeclared {
			break
		}
		out = append(out, e.Agent+"\tentry\t"+entryJSON(&e))
	}
	for _, d := range r.Declared() {
		if len(out) == maxDeclared {
			break
		}
		out = append(out, d.Agent+"\t"+d.Kind+"\t"+d.Pattern)
	}
	return out
}

func versionOf(r *policy.Registry) string {
	if r == nil {
		return ""
	}
	return r.Version()
}

func changedEntry(d policy.Change) (out []string) {
	name := d.Agent
	if name == "" {
		name = "tool catalog"
	}
	if len(d.Paths) == 0 {
		return []string{name + " " + d.Kind}
	}
	for _, path := range d.Paths {
		out = append(out, name+" "+path)
	}
	return out
}

// storeVersions queues the versions for the storage, the oldest left out where
// they are too many or too large.
func (e *governor) storeVersions() {
	if n := len(e.versions) - policy.DefaultHistory; n > 0 {
		e.versions = slices.Delete(e.versions, 0, n)
	}
	raw, err := json.Marshal(e.versions)
	for err == nil && len(raw) > maxStoredRegistry && len(e.versions) > 1 {
		e.versions = slices.Delete(e.versions, 0, 1)
		raw, err = json.Marshal(e.versions)
	}
	if err == nil {
		e.book.store.queue(storage.SetOperation(registryKey, raw))
	}
}

// loadVersions reads what storeVersions wrote. A version that today's code
// refuses is left out: it judges nothing any more, and actions of its time are
// judged by the next one.
func (e *governor) loadVersions(raw []byte) error {
	if raw == nil {
		return nil
	}
	var stored []storedVersion
	if err := json.Unmarshal(raw, &stored); err != nil {
		return fmt.Errorf("%s: %w", registryKey, err)
	}
	history := policy.NewHistory(0)
	for _, v := range stored {
		r, err := policy.Load(v.Files)
		if err != nil {
			e.log.Warn("a former version of the registry cannot be read any more", zap.Time("in_force_from", v.From), zap.Error(err))
			continue
		}
		history = history.Add(v.From, r)
		e.versions = append(e.versions, v)
	}
	e.policies.Store(&history)
	return nil
}

// Policies implements the interface of internal/governance/policies.
func (e *governor) Policies() policy.History {
	if h := e.policies.Load(); h != nil {
		return *h
	}
	return policy.History{}
}

// refuse puts a refusal on record, once for each content.
func (e *governor) refuse(files *policyFiles, seen string, err error) {
	seen += err.Error()
	if seen == e.refused {
		return
	}
	e.refused = seen
	inForce := e.book.ledger.Budgets().Version()
	e.reloaded(resultRefused)
	e.log.Error("policy files refused, the policy before them stays in force",
		zap.String("budgets", inForce), zap.String("registry", versionOf(e.Policies().Current())), zap.Error(err))
	c := change{kind: "policy", files: files.names(), previous: inForce, version: files.digest(), refused: err}
	e.post([]finding.Finding{c.finding(e.now())})
}

func (e *governor) reloaded(result string) {
	e.tel.ExtensionGovernanceReloads.Add(context.Background(), 1,
		metric.WithAttributeSet(attribute.NewSet(attribute.String("result", result))))
}
