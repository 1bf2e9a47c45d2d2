package runner

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"strings"
)

// check returns what is wrong with an answer.
func (r *Runner) check(v *Vector, a *reply) (notes []string) {
	fail := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	if want, ok := v.Expect["status"].(float64); ok && a.status != int(want) {
		fail("status %d, want %d: %s", a.status, int(want), clip(a.raw))
		return notes
	}
	if a.status == http.StatusOK {
		r.everyAnswer(v, a, fail)
	} else {
		everyError(a, fail)
	}
	for key, want := range v.Expect {
		c, known := checks[key]
		switch {
		case key == "status":
		case known:
			c(r, a, want, fail)
		default:
			fail("the runner does not know how to check %q", key)
		}
	}
	return notes
}

type report func(format string, args ...any)

// everyAnswer is what holds for every answer with status 200.
func (r *Runner) everyAnswer(v *Vector, a *reply, fail report) {
	if kind, _, err := mime.ParseMediaType(a.header.Get("Content-Type")); err != nil || kind != "application/json" {
		fail("Content-Type %q", a.header.Get("Content-Type"))
	}
	if a.body == nil {
		fail("the body is no JSON object: %s", clip(a.raw))
		return
	}
	path := v.Request.Path
	switch {
	case strings.Contains(path, "/search/"):
		if _, ok := a.body["results"].([]any); !ok {
			fail("results is no array")
		}
	case strings.HasSuffix(path, "/evaluations") && a.body["evaluations"] != nil:
		list, ok := a.body["evaluations"].([]any)
		if !ok {
			fail("evaluations is no array")
		}
		for i, item := range list {
			if !isBool(item, "decision") {
				fail("evaluations[%d].decision is no boolean", i)
			}
			objectIfPresent(item, "context", fail)
		}
	case strings.Contains(path, "evaluation"):
		if !isBool(a.body, "decision") {
			fail("decision is no boolean")
		}
	}
	objectIfPresent(a.body, "context", fail)
}

func everyError(a *reply, fail report) {
	if _, has := a.body["decision"]; has {
		fail("an error carries a decision: %s", clip(a.raw))
	}
	if _, has := a.body["evaluations"]; has {
		fail("an error carries decisions: %s", clip(a.raw))
	}
	if len(strings.TrimSpace(string(a.raw))) == 0 {
		fail("an error without a message")
	}
}

func isBool(v any, name string) bool {
	m, _ := v.(map[string]any)
	_, ok := m[name].(bool)
	return ok
}

func objectIfPresent(v any, name string, fail report) {
	m, _ := v.(map[string]any)
	if got, has := m[name]; has {
		if _, ok := got.(map[string]any); !ok {
			fail("%s is no object", name)
		}
	}
}

func clip(raw []byte) string {
	const most = 300
	return string(raw[:min(len(raw), most)])
}

type checker func(r *Runner, a *reply, want any, fail report)

// checks are the members of expect.
var checks map[string]checker

func init() { //nolint:gochecknoinits // the table and what it calls name each other
	checks = map[string]checker{
		"decision": func(_ *Runner, a *reply, want any, fail report) {
			if a.body["decision"] != want {
				fail("decision %v, want %v: %s", a.body["decision"], want, clip(a.raw))
			}
		},
		"evaluations": checkEvaluations,
		"evaluations_length": func(_ *Runner, a *reply, want any, fail report) {
			list, _ := a.body["evaluations"].([]any)
			if n, _ := want.(float64); len(list) != int(n) {
				fail("%d evaluations, want %v", len(list), want)
			}
		},
		"results_include": func(_ *Runner, a *reply, want any, fail report) {
			for _, w := range items(want) {
				if !includes(items(a.body["results"]), w) {
					fail("results lack %v: %s", w, clip(a.raw))
				}
			}
		},
		"results_type": func(_ *Runner, a *reply, want any, fail report) {
			for _, got := range items(a.body["results"]) {
				if m, _ := got.(map[string]any); m["type"] != want {
					fail("a result of type %v, want %v", m["type"], want)
				}
			}
		},
		"results_equal": func(_ *Runner, a *reply, want any, fail report) {
			if !reflect.DeepEqual(items(a.body["results"]), items(want)) {
				fail("results %v, want %v", a.body["results"], want)
			}
		},
		"results_array": func(_ *Runner, a *reply, _ any, fail report) {
			if _, ok := a.body["results"].([]any); !ok {
				fail("results is no array")
			}
		},
		"same_results_as": func(r *Runner, a *reply, want any, fail report) {
			other := r.answers[fmt.Sprint(want)]
			if other == nil {
				fail("nothing was answered to %v", want)
				return
			}
			x, y := items(a.body["results"]), items(other.body["results"])
			for _, w := range y {
				if !includes(x, w) {
					fail("results lack %v of %v", w, want)
				}
			}
			if len(x) != len(y) {
				fail("%d results, %v had %d", len(x), want, len(y))
			}
		},
		"page_if_present": func(_ *Runner, a *reply, want any, fail report) {
			if a.body["page"] != nil {
				checkPage(a.body["page"], want, fail)
			}
		},
		"page":               func(_ *Runner, a *reply, want any, fail report) { checkPage(a.body["page"], want, fail) },
		"absent":             checkAbsent,
		"absent_recommended": checkAbsent,
		"boolean": func(_ *Runner, a *reply, want any, fail report) {
			for _, name := range items(want) {
				if !isBool(a.body, fmt.Sprint(name)) {
					fail("%v is no boolean", name)
				}
			}
		},
		"body_type": func(_ *Runner, a *reply, want any, fail report) {
			if want == "object" && a.body == nil {
				fail("the body is no object")
			}
		},
		"object_if_present": func(_ *Runner, a *reply, want any, fail report) {
			for _, name := range items(want) {
				objectIfPresent(a.body, fmt.Sprint(name), fail)
			}
		},
		"equals": func(r *Runner, a *reply, want any, fail report) {
			m, _ := want.(map[string]any)
			for name, w := range m {
				if text, ok := w.(string); ok {
					w = strings.ReplaceAll(text, "${base_url}", r.Base)
				}
				if !reflect.DeepEqual(a.body[name], w) {
					fail("%s is %v, want %v", name, a.body[name], w)
				}
			}
		},
		"https_url": func(_ *Runner, a *reply, want any, fail report) {
			for _, name := range items(want) {
				checkURL(a, fmt.Sprint(name), true, fail)
			}
		},
		"https_url_if_present": func(_ *Runner, a *reply, want any, fail report) {
			for _, name := range items(want) {
				checkURL(a, fmt.Sprint(name), false, fail)
			}
		},
		"string_array_if_present": func(_ *Runner, a *reply, want any, fail report) {
			for _, name := range items(want) {
				checkStrings(a, fmt.Sprint(name), fail)
			}
		},
		"jwt_with_iss_if_present": func(_ *Runner, a *reply, want any, fail report) {
			for _, name := range items(want) {
				checkJWT(a, fmt.Sprint(name), fail)
			}
		},
		"headers": func(_ *Runner, a *reply, want any, fail report) {
			m, _ := want.(map[string]any)
			for name, w := range m {
				got := a.header.Get(name)
				if strings.EqualFold(name, "Content-Type") {
					got, _, _ = strings.Cut(got, ";")
				}
				if got != w {
					fail("%s: %q, want %q", name, got, w)
				}
			}
		},
	}
}

func items(v any) []any {
	list, _ := v.([]any)
	if list == nil {
		list = []any{}
	}
	return list
}

// includes compares type and id, or name.
func includes(list []any, want any) bool {
	w, _ := want.(map[string]any)
	for _, item := range list {
		m, _ := item.(map[string]any)
		if m["type"] == w["type"] && m["id"] == w["id"] && m["name"] == w["name"] {
			return true
		}
	}
	return false
}

func checkEvaluations(_ *Runner, a *reply, want any, fail report) {
	got, expected := items(a.body["evaluations"]), items(want)
	if len(got) != len(expected) {
		fail("%d evaluations, want %d: %s", len(got), len(expected), clip(a.raw))
		return
	}
	for i, w := range expected {
		m, _ := got[i].(map[string]any)
		e, _ := w.(map[string]any)
		if _, judged := e["decision"].(bool); judged && m["decision"] != e["decision"] {
			fail("evaluations[%d].decision is %v, want %v", i, m["decision"], e["decision"])
		}
	}
}

func checkAbsent(_ *Runner, a *reply, want any, fail report) {
	for _, name := range items(want) {
		if _, has := a.body[fmt.Sprint(name)]; has {
			fail("%v is there", name)
		}
	}
}

func checkPage(got, want any, fail report) {
	page, ok := got.(map[string]any)
	if !ok {
		fail("page is no object")
		return
	}
	w, _ := want.(map[string]any)
	for name, kind := range w {
		text := fmt.Sprint(kind)
		v, has := page[name]
		if name == "type" || !has && strings.Contains(text, "optional") {
			continue
		}
		n, isNumber := v.(float64)
		_, isText := v.(string)
		_, isObject := v.(map[string]any)
		switch {
		case strings.HasPrefix(text, "string") && !isText, strings.HasPrefix(text, "object") && !isObject,
			strings.HasPrefix(text, "integer") && (!isNumber || n != math.Trunc(n)):
			fail("page.%s is %v, want %s", name, v, text)
		}
	}
}

func checkURL(a *reply, name string, required bool, fail report) {
	v, has := a.body[name]
	if !has && !required {
		return
	}
	text, _ := v.(string)
	if u, err := url.Parse(text); err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		fail("%s is %v, want an https URL", name, v)
	}
}

func checkStrings(a *reply, name string, fail report) {
	v, has := a.body[name]
	if !has {
		return
	}
	list, ok := v.([]any)
	for _, item := range list {
		if _, text := item.(string); !text {
			ok = false
		}
	}
	if !ok {
		fail("%s is no array of strings", name)
	}
}

func checkJWT(a *reply, name string, fail report) {
	v, has := a.body[name]
	if !has {
		return
	}
	text, _ := v.(string)
	parts := strings.Split(text, ".")
	var claims map[string]any
	if len(parts) == 3 {
		raw, _ := base64.RawURLEncoding.DecodeString(parts[1])
		_ = json.Unmarshal(raw, &claims)
	}
	if iss, _ := claims["iss"].(string); iss == "" {
		fail("%s is no JWT with iss", name)
	}
}
