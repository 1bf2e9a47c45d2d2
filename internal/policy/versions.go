package policy

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// versionRange is a conjunction of comparisons such as ">=2.3 <3".
type versionRange []versionBound

type versionBound struct {
	op      string
	version []string
}

var versionNumber = regexp.MustCompile(`^v?[0-9]+(\.[0-9]+)*(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)

func parseVersionRange(s string) (versionRange, error) {
	var out versionRange
	for _, field := range strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' }) {
		number := strings.TrimLeft(field, "<>=!")
		op := field[:len(field)-len(number)]
		switch op {
		case "":
			op = "="
		case "=", "==", "!=", "<", "<=", ">", ">=":
		default:
			return nil, fmt.Errorf("%q is none of = != < <= > >=", op)
		}
		if !versionNumber.MatchString(number) {
			return nil, fmt.Errorf("%q is no version; write no space after the comparison", number)
		}
		out = append(out, versionBound{op, splitVersion(number)})
	}
	if len(out) == 0 {
		return nil, errors.New("is no range such as \">=2.3 <3\"")
	}
	return out, nil
}

// splitVersion cuts "v2.3.1-rc.1+build" into its release numbers and, behind a
// "-", its pre-release words. Build metadata does not count.
func splitVersion(s string) []string {
	s, _, _ = strings.Cut(strings.TrimPrefix(s, "v"), "+")
	release, pre, has := strings.Cut(s, "-")
	out := strings.Split(release, ".")
	if has {
		out = append(append(out, "-"), strings.Split(pre, ".")...)
	}
	return out
}

// compareVersions orders as Semantic Versioning does; missing numbers are 0.
func compareVersions(a, b []string) int {
	ar, ap := splitPre(a)
	br, bp := splitPre(b)
	for i := range max(len(ar), len(br)) {
		if c := comparePart(part(ar, i), part(br, i)); c != 0 {
			return c
		}
	}
	switch {
	case len(ap) == 0 && len(bp) == 0:
		return 0
	case len(ap) == 0:
		return 1
	case len(bp) == 0:
		return -1
	}
	for i := range max(len(ap), len(bp)) {
		switch {
		case i >= len(ap):
			return -1
		case i >= len(bp):
			return 1
		}
		if c := comparePart(ap[i], bp[i]); c != 0 {
			return c
		}
	}
	return 0
}

func splitPre(v []string) (release, pre []string) {
	for i, p := range v {
		if p == "-" {
			return v[:i], v[i+1:]
		}
	}
	return v, nil
}

func part(v []string, i int) string {
	if i < len(v) {
		return v[i]
	}
	return "0"
}

// comparePart orders numbers by value and before words.
func comparePart(a, b string) int {
	x, errA := strconv.ParseUint(a, 10, 64)
	y, errB := strconv.ParseUint(b, 10, 64)
	switch {
	case errA == nil && errB == nil && x != y:
		if x < y {
			return -1
		}
		return 1
	case errA == nil && errB == nil:
		return 0
	case errA == nil:
		return -1
	case errB == nil:
		return 1
	default:
		return strings.Compare(a, b)
	}
}

func (r versionRange) holds(v []string) bool {
	for _, b := range r {
		c := compareVersions(v, b.version)
		ok := false
		switch b.op {
		case "=", "==":
			ok = c == 0
		case "!=":
			ok = c != 0
		case "<":
			ok = c < 0
		case "<=":
			ok = c <= 0
		case ">":
			ok = c > 0
		case ">=":
			ok = c >= 0
		}
		if !ok {
			return false
		}
	}
	return true
}

// versionFits holds a version against the ranges of the entry, any of which
// will do.
func (a *Agent) versionFits(version string) Truth {
	switch {
	case len(a.versions) == 0:
		return True
	case version == "":
		return Unknown
	}
	v := splitVersion(version)
	for _, r := range a.versions {
		if r.holds(v) {
			return True
		}
	}
	return False
}
