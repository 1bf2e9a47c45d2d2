// Package catalogue holds the questions of an audit: 46 parameterised views, one
// file each, with a header that says for which controls an answer is evidence,
// what its columns mean, and what it means that there are no rows. The migration
// of the audit store makes the views; the command line, the evidence pack and the
// tests read the same files.
//
// It has no clock and no connection.
package catalogue
