// Package evidencepack makes the files that an auditor is handed: for each question
// its answer with how it was produced, digests of everything, and a report that a
// person can read in a browser and on paper. It is told everything and asks nobody:
// no clock, no connection; the same input is the same bytes.
package evidencepack
