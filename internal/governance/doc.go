// Package governance is the seam between the governance extension, which owns
// what components share, and the components that ask it: interfaces, how to find
// the extension, and how facts about budgets become findings.
//
// A component that is configured without the extension is a normal case: Find
// then returns nil, and the component does the rest of its work.
package governance
