package audit

import "strings"

// Object is a table or a view of the schema.
type Object struct {
	Name        string
	View        bool
	Distributed bool // the reading table of a cluster
}

// Objects returns the tables and views of the schema, each once, in the order in which
// they are first made.
func Objects(opts Options) ([]Object, error) {
	steps, err := Steps(opts)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	var objects []Object
	for i := range steps {
		s := &steps[i]
		if s.creates == "" || seen[s.creates] {
			continue
		}
		seen[s.creates] = true
		objects = append(objects, Object{
			Name: s.creates, View: !strings.HasPrefix(s.SQL, "CREATE TABLE") && !strings.Contains(s.SQL, "\nCREATE TABLE"),
			Distributed: strings.Contains(s.SQL, "\nENGINE = Distributed("),
		})
	}
	return objects, nil
}
