// Package anchortest holds anchors against what others made: an S3 server
// (versitygw) and a C2SP witness (transparency-dev). It is a module of its own, so
// that whoever takes a component of ours takes neither.
package anchortest
