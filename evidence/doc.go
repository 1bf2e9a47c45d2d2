// Package evidence holds the questions that an audit store answers: one SQL file
// a question, with a header that says what it is evidence for, what it takes and
// what an empty answer means. The command line, the tests and whoever writes a
// dashboard read the same files.
//
// It has no clock and no connection of its own.
package evidence
