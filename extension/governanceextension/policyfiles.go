package governanceextension

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spanwarden/spanwarden/internal/ledger"
	"github.com/spanwarden/spanwarden/internal/policy"
)

// maxRegistryFiles bounds how many files a registry has.
const maxRegistryFiles = 10_000

var errTooMany = errors.New("too many files")

// policyFiles are the policy files as read: one state of the disk.
type policyFiles struct {
	budgetFile string
	budgets    []byte
	registry   []policy.File
}

// compiled is what policy files mean.
type compiled struct {
	budgets  budgetSource
	parsed   *ledger.Budgets
	registry *policy.Registry // nil without one
}

// readPolicy reads the configured files.
func readPolicy(cfg *Config) (p policyFiles, err error) {
	p.budgetFile = cfg.Budgets
	if cfg.Budgets != "" {
		if p.budgets, err = readPolicyFile(cfg.Budgets); err != nil {
			return p, fmt.Errorf("budgets: %w", err)
		}
	}
	if cfg.Registry != "" {
		if p.registry, err = readRegistry(cfg.Registry); err != nil {
			return p, fmt.Errorf("registry: %w", err)
		}
	}
	return p, nil
}

// readRegistry reads one file, or every *.yaml and *.yml below a folder but *.tests.yaml
// and what begins with a dot, such as Kubernetes' links to older versions.
func readRegistry(root string) ([]policy.File, error) {
	info, err := os.Stat(root)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		data, err := readPolicyFile(root)
		return []policy.File{{Name: root, Data: data}}, err
	}
	var files []policy.File
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if path != root && strings.HasPrefix(name, ".") {
				return fs.SkipDir
			}
			return nil
		}
		if ext := filepath.Ext(name); strings.HasPrefix(name, ".") || ext != ".yaml" && ext != ".yml" || strings.HasSuffix(name, ".tests"+ext) {
			return nil
		}
		if len(files) >= maxRegistryFiles {
			return fmt.Errorf("%s: %w: more than %d", root, errTooMany, maxRegistryFiles)
		}
		data, err := readPolicyFile(path)
		files = append(files, policy.File{Name: path, Data: data})
		return err
	})
	return files, err
}

// compile makes sense of all files together: an agent's budgets stand in the
// registry.
func (p *policyFiles) compile() (c compiled, err error) {
	c.budgets = budgetSource{File: p.budgetFile, Data: p.budgets}
	var bad error
	if p.registry != nil {
		if c.registry, bad = policy.Load(p.registry); bad != nil {
			bad = fmt.Errorf("registry: %w", bad)
		} else {
			c.budgets.Agents = agentBudgets(c.registry)
		}
	}
	c.parsed, err = c.budgets.parse()
	return c, errors.Join(err, bad)
}

// agentBudgets returns the budgets of all agents, in the order of their ids.
func agentBudgets(r *policy.Registry) (out []ledger.Spec) {
	for _, a := range r.Agents() {
		for _, b := range a.Budgets() {
			out = append(out, ledger.Spec{
				Source: fmt.Sprintf("%s:%d", b.Place.File, b.Place.Line), Agent: a.ID(), Kind: b.Kind, Limit: b.Limit, Per: b.Per,
				OnExceed: b.OnExceed, Mode: string(a.Mode()), Reason: "the mode of the agent's entry",
			})
		}
	}
	return out
}

// names returns the files' names, the first of them.
func (p *policyFiles) names() (out []string) {
	if p.budgetFile != "" {
		out = append(out, p.budgetFile)
	}
	for _, f := range p.registry[:min(len(p.registry), maxNamed)] {
		out = append(out, f.Name)
	}
	return out
}

// digest names a content that could not be compiled.
func (p *policyFiles) digest() string {
	h := sha256.New()
	for _, f := range append([]policy.File{{Name: p.budgetFile, Data: p.budgets}}, p.registry...) {
		sum := sha256.Sum256(f.Data)
		h.Write([]byte(f.Name + "\x00"))
		h.Write(sum[:])
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)[:8])
}
