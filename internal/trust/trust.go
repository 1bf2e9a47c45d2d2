// Package trust marks what spanwarden's own components send into a pipeline, so
// that the genai processor, which takes spanwarden.* attributes away from
// agents, lets theirs through. The mark is a value of the context: nothing that
// arrives over a network can carry it. A processor that hands batches to another
// goroutine, such as batch, loses it, and so does not belong in front of genai.
package trust

import "context"

type key struct{}

// Mark returns a context for calls with data that this process itself made.
func Mark(ctx context.Context) context.Context { return context.WithValue(ctx, key{}, true) }

// Marked reports whether the data of this call was made by this process.
func Marked(ctx context.Context) bool { return ctx.Value(key{}) != nil }
