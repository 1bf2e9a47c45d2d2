package policy

// condition is a compiled when.
type condition struct {
	source    string
	readsArgs bool
}

func (d *reader) condition(n node) *condition { return &condition{source: d.text(n)} }

// celVars are the variables of one request.
type celVars struct{}

func (c *condition) eval(*Request) (Truth, Fields) { return Unknown, FieldWhen }
