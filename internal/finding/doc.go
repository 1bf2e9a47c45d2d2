// Package finding is the one form of a finding: a value, a span event named
// spanwarden.finding, and a log record of that event name. Processors build
// findings and add them to spans, the findings connector turns the events into
// logs, exporters read the logs. It knows no clock and keeps no state; its
// functions may run at once on different data.
package finding
