// Package suggest writes a registry entry that allows what an agent was seen to do
// and nothing else. It is pure: what was seen comes in, YAML goes out, and what
// could not be seen stands in it as a comment for the person who owns the agent.
package suggest
