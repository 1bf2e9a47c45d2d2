// Package replay runs the governance processors of a collector's configuration
// over actions that the audit store holds, and says what these rules would have
// found, beside what is on record for the same time. Nothing live is touched: the
// components run in this process, without storage, and only read the store.
//
// # Time
//
// Components take time from their clock: chains settle, periods end, incidents
// are over. A replay gives them the clock of the actions: all of them run in a
// bubble of [testing/synctest] in which time stands still while anything is being
// done and then goes on to the next timer or the next action at once. So every
// ticker ticks as often as it did live, whatever component it belongs to, and
// a week takes seconds. See bubble.go for what that rests on. It begins at the
// first action, or at the begin of the warm-up, whichever is later.
//
// # What a replay sees
//
// Actions are given to the pipeline in the order in which they ended, in batches
// of [Options].Batch. Spans are rebuilt from their rows; what spanwarden itself
// wrote on them is left out, so that everything is judged afresh, and what agents
// may state is left in. What the store does not hold, a replay cannot judge:
//
//   - content (arguments, results, prompts), unless the exporter stored it
//     (content::enabled) and it has not expired: rules about arguments then say that
//     they could not be evaluated, and loops and novelty see less;
//   - the kind of a span (client or server). Of a span that asks another agent it
//     is found again by its run, where that was resolved; without a delegation
//     processor, and in a cycle, it is taken to open a run. A message of A2A is taken
//     to be served;
//   - events on spans, of which only the names are stored, trace states, and how many
//     links a span had dropped;
//   - the claim of a delegation id on anything but an agent's span, and of a chain id
//     on anything but its root;
//   - when spans arrived, and in which batches. A replay lets each arrive when its
//     batch ended, so what live judged late is judged in order here. Two things
//     begin when a batch comes: a halt (and the id of what happens after it), and an
//     incident of what waited for a ticker (baseline). They may be of the same
//     cause under another id; the report says alike, or new and gone.
//
// The state that the live collector had before the period is rebuilt by replaying
// [Options].WarmUp before it, of which nothing is reported. What reaches back
// further (a budget of a month under a warm-up of two weeks) begins too low.
// Halts of people, and the answers of the decision receiver, are not made again:
// recorded decisions are replayed as they were, and what was halted by hand is
// not. An agent that these rules would have halted goes on, because it did.
package replay
