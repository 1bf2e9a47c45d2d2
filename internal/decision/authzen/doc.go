// Package authzen reads and writes the bodies of the OpenID AuthZEN Authorization
// API 1.0 (final, 11 January 2026): evaluation, evaluations, the searches and the
// metadata document. It is pure; a receiver routes and decides.
//
// It is stricter than the text asks where two readers could differ: a member
// named twice, an empty id and invalid UTF-8 are refused.
package authzen
