// Package account ties what a collector was given to what became of it, with two
// counters that know nothing of each other: what the collector's own receivers,
// processors and exporter helper count (Figures, read from its Prometheus endpoint),
// and what the audit exporter counts where things enter and leave it (Own).
//
//	received + inside + added = refused + filtered + entered + unaccounted
//	entered = written + no row + dead-lettered + given up + queued
//
// All figures are since the process began. Pure: no clock, no network.
package account
