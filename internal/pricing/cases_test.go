package pricing

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// priceCase is one row of testdata/cases. Empty expectations are not compared,
// but a case without a total must be unpriced.
type priceCase struct {
	Name, Provider, Gateway, Host, Model, Request, Tier, Speed, Region, At string

	Use      map[string]int64
	Select   map[string]string
	Reported *float64
	Want     struct {
		Total, List, Status, Reason, ID, Match, Conditions, Contract, Provider string
	}
}

func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		var f struct {
			Prices string
			Cases  []priceCase
		}
		require.NoError(t, yaml.Unmarshal(data, &f), file)
		book, err := Load(file, []byte(f.Prices), nil)
		require.NoError(t, err)
		for _, c := range f.Cases {
			t.Run(filepath.Base(file)+"/"+c.Name, func(t *testing.T) { c.run(t, book) })
		}
	}
}

func (c *priceCase) run(t *testing.T, book *Book) {
	t.Helper()
	q := Query{
		Provider: c.Provider, Gateway: c.Gateway, Host: c.Host, ResponseModel: c.Model, RequestModel: c.Request,
		ServiceTier: c.Tier, Speed: c.Speed, Region: c.Region, Time: at,
	}
	if c.At != "" {
		var err error
		q.Time, err = time.Parse(time.RFC3339, c.At)
		require.NoError(t, err)
	}
	for name, n := range c.Use {
		m, ok := meterNamed(name)
		require.True(t, ok, name)
		q.Usage.Set(m, n)
	}
	if c.Select != nil {
		q.Select = func(key string) (string, bool) { v, ok := c.Select[key]; return v, ok }
	}
	if c.Reported != nil {
		q.Reported = Reported{Amount: *c.Reported, Known: true}
	}
	var r Result
	book.Price(&q, &r)
	checkResult(t, &r)
	reproduces(t, book, &q, &r)
	want := func(want, got string) {
		t.Helper()
		if want != "" {
			assert.Equal(t, want, got)
		}
	}
	if c.Want.Total == "" {
		assert.Equal(t, StatusUnpriced, r.Status, "total %s", r.Total)
	}
	want(c.Want.Total, r.Total.String())
	want(c.Want.List, r.List.String())
	want(c.Want.Status, string(r.Status))
	want(c.Want.Reason, string(r.Reason))
	want(c.Want.ID, r.PriceID)
	want(c.Want.Match, string(r.Match))
	want(c.Want.Contract, r.ContractID)
	want(c.Want.Provider, r.Provider)
	for cond := range strings.SplitSeq(c.Want.Conditions, ",") {
		if cond != "" {
			assert.Contains(t, r.Conditions.All(), cond)
		}
	}
}

// checkResult asserts what holds for every result.
func checkResult(t *testing.T, r *Result) {
	t.Helper()
	parts := []Amount{r.Input, r.Output, r.CacheRead, r.CacheWrite, r.Other}
	if r.Status == StatusUnpriced {
		assert.NotEqual(t, ReasonNone, r.Reason)
		for _, a := range append(parts, r.Total) {
			assert.False(t, a.Known(), "an unpriced call has an amount")
		}
		return
	}
	assert.True(t, r.Total.Known())
	assert.Equal(t, ReasonNone, r.Reason)
	if r.Status == StatusReported {
		return
	}
	assert.NotEqual(t, MatchNone, r.Match)
	var sum Pico
	for _, a := range parts {
		p, ok := a.Pico()
		assert.True(t, ok)
		sum += p
	}
	total, _ := r.Total.Pico()
	assert.Equal(t, total, sum, "the parts are not the total")
}
