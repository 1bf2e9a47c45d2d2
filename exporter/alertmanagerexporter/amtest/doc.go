// Package amtest holds the exporter against Alertmanager's own API, in this
// process: its OpenAPI models, its handlers and its store. It is a module of its
// own, so that nobody who takes the exporter gets Alertmanager with it.
package amtest
