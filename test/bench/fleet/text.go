package fleet

import (
	"strings"
)

const instructions = `[{"type":"text","content":"You help customers of a shop. Look things up before you answer, never promise what you have not seen in an order, and hand over to a person where money is returned."}]`

// words are what prompts and answers are made of.
var words = strings.Fields(`the order arrived late and the customer asks for a refund please check whether item was
	shipped from warehouse north or south before answering with policy section on returns damaged packaging invoice address
	delivery tracking number support agent wrote that replacement can be sent within three days unless stock is empty then
	offer voucher worth ten percent of price including tax thank you for your patience we are sorry about this`)

// messages returns n words of somebody in the form of the conventions.
func (t *turn) messages(role string, n int) string {
	var b strings.Builder
	b.Grow(7 * n)
	b.WriteString(`[{"role":"` + role + `","parts":[{"type":"text","content":"`)
	for i := range n {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(words[t.rand.IntN(len(words))])
	}
	b.WriteString(`"}]}]`)
	return b.String()
}
