package audit

import (
	"strings"
)

// View is a view as this program makes it.
type View struct {
	Name     string
	Select   string // what stands after AS
	Version  uint32 // of the step that made it last
	Checksum string // of that step
}

// Views are the views of a database, each as the last step that makes it has it.
func Views(opts Options) ([]View, error) {
	steps, err := Steps(opts)
	if err != nil {
		return nil, err
	}
	var views []View
	at := map[string]int{}
	for i := range steps {
		s := &steps[i]
		head, query, ok := strings.Cut(s.SQL, " AS\n")
		if !ok || s.creates == "" || !strings.Contains(head, "VIEW ") || strings.Contains(head, "MATERIALIZED") {
			continue
		}
		v := View{s.creates, strings.TrimSpace(query), s.Version, s.Checksum}
		if n, again := at[v.Name]; again {
			views[n] = v
			continue
		}
		at[v.Name] = len(views)
		views = append(views, v)
	}
	return views, nil
}
