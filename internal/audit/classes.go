package audit

import "strings"

// keyClass is an attribute's key and what becomes of it.
type keyClass struct {
	key   string
	class class
}

// classAt is classOf for the attribute at place i, where the span before is
// likely to have had the same one.
func (e *Encoder) classAt(i int, key string) class {
	if i < len(e.order) && e.order[i].key == key {
		return e.order[i].class
	}
	c := e.classOf(key)
	if i < len(e.order) {
		e.order[i] = keyClass{strings.Clone(key), c}
	} else if i == len(e.order) && i < maxOrder {
		e.order = append(e.order, keyClass{strings.Clone(key), c})
	}
	return c
}

const maxOrder = 256

// maxClasses bounds the memory of keys; emitters use a few hundred.
const maxClasses = 4096

func (e *Encoder) classOf(key string) class {
	if c, ok := e.classes[key]; ok {
		return c
	}
	if len(e.classes) >= maxClasses {
		clear(e.classes)
	}
	c := classify(key)
	e.classes[strings.Clone(key)] = c
	return c
}
