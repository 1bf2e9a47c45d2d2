package audit

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spanwarden/spanwarden/evidence/catalogue"
)

//go:embed sql/*.sql
var sqlFiles embed.FS

// DefaultDatabase is where the tables live unless the operator says otherwise.
const DefaultDatabase = "spanwarden"

// DefaultRetention is the preset used where none is given.
const DefaultRetention = "soc2"

// ContentDays is how long content is kept. Content is the riskiest data and the
// least needed one: evidence holds its salted digest.
const ContentDays = 30

// retentionDays are the presets. 0 keeps for ever.
var retentionDays = map[string]int{
	"soc2":      400,  // twelve months and the fieldwork after them
	"eu_ai_act": 184,  // art. 19 and 26: at least six months
	"17a4b":     1096, // three years
	"17a4a":     2192, // six years
	"sox":       2557, // seven years
	"none":      0,
}

// RetentionPresets returns the names that Options.Retention takes, sorted.
func RetentionPresets() []string { return slices.Sorted(maps.Keys(retentionDays)) }

// RetentionDays is how long the preset keeps rows. 0 keeps for ever.
func RetentionDays(preset string) int { return retentionDays[preset] }

// Options say where and how the schema is made. The zero value is the database
// spanwarden on a single server with the preset soc2.
type Options struct {
	// Database is a plain identifier. Default spanwarden.
	Database string
	// Cluster makes every statement ON CLUSTER, tables Replicated, and adds a
	// Distributed table <name>_all for reading. Empty is a single server.
	Cluster string
	// Retention is one of RetentionPresets. Default soc2. It changes no table: rows
	// go by the retention job, which reads from the log what was promised.
	Retention string
	// DryRun returns the steps without running any.
	DryRun bool
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,63}$`)

// Validate names the option and the value that cannot work.
func (o *Options) Validate() error {
	var errs []error
	if o.Database != "" && !identifier.MatchString(o.Database) {
		errs = append(errs, fmt.Errorf("database: want letters, digits, _ and -, not %q", o.Database))
	}
	if o.Cluster != "" && !identifier.MatchString(o.Cluster) {
		errs = append(errs, fmt.Errorf("cluster: want letters, digits, _ and -, not %q", o.Cluster))
	}
	if _, ok := retentionDays[o.Retention]; o.Retention != "" && !ok {
		errs = append(errs, fmt.Errorf("retention: want one of %s, not %q", strings.Join(RetentionPresets(), ", "), o.Retention))
	}
	return errors.Join(errs...)
}

func (o *Options) withDefaults() Options {
	d := *o
	if d.Database == "" {
		d.Database = DefaultDatabase
	}
	if d.Retention == "" {
		d.Retention = DefaultRetention
	}
	return d
}

// Step is one migration, ready to run.
type Step struct {
	Version  uint32
	Name     string // "creating table actions"
	SQL      string
	Checksum string // of the template, so that options do not change it
	creates  string // the table or view, "" where the step makes none
	formerly string // checksum of an earlier text; what that made serves as well
	current  bool   // follows its text: another one replaces what the store has
	kept     string // the column that its rows' age is told by, "" where they stay for ever

	superseded bool // a later step does what it does: it is put on record and not run
}

// KeptTable is a table whose rows are kept for the time of the retention policy.
type KeptTable struct {
	Name string
	Time string // the column that tells the age of a row, by months of which the table is partitioned
}

// KeptTables returns the tables whose rows go when their time is over.
func KeptTables() []KeptTable {
	var tables []KeptTable
	steps, err := Steps(Options{})
	if err != nil {
		panic(err) // the steps are part of this program
	}
	for i := range steps {
		if steps[i].kept != "" {
			tables = append(tables, KeptTable{steps[i].creates, steps[i].kept})
		}
	}
	return tables
}

// firstQuestion is the version of the catalogue's first view, far above those of
// the files.
const firstQuestion = 10_000

// Steps returns all migrations in order: the files, then the views of the evidence
// catalogue, then its controls.
func Steps(opts Options) ([]Step, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	o := opts.withDefaults()
	files, err := sqlFiles.ReadDir("sql")
	if err != nil {
		return nil, err
	}
	steps := make([]Step, 0, len(files))
	for _, f := range files {
		if o.Cluster == "" && strings.HasSuffix(f.Name(), ".cluster.sql") {
			continue
		}
		step, err := readStep(f.Name(), &o)
		if err != nil {
			return nil, fmt.Errorf("reading migration %s: %w", f.Name(), err)
		}
		steps = append(steps, step)
	}
	questions, err := o.questions()
	if err != nil {
		return nil, err
	}
	controls, err := o.controls()
	return append(append(steps, questions...), controls), err
}

// questions are the views of the evidence catalogue. Views hold no data, so a
// newer text simply takes the place of the one that the store has.
func (o *Options) questions() ([]Step, error) {
	queries, err := catalogue.List()
	if err != nil {
		return nil, fmt.Errorf("reading the evidence catalogue: %w", err)
	}
	steps := make([]Step, 0, len(queries))
	for i := range queries {
		q := &queries[i]
		sum := sha256.Sum256([]byte(q.View()))
		steps = append(steps, Step{
			Version: firstQuestion + uint32(q.Number), Name: "creating view " + q.ID, creates: q.ID, current: true,
			SQL: o.render(q.View()), Checksum: hex.EncodeToString(sum[:]),
		})
	}
	return steps, nil
}

// creation finds what a step makes.
var creation = regexp.MustCompile(`(?m)^CREATE (?:OR REPLACE )?(?:TABLE|(?:MATERIALIZED )?VIEW) (?:IF NOT EXISTS )?\{db\}\.([a-z_]+)`)

// earlier finds the checksum of an earlier text: a store that has its table is left
// as it is, since only a new table can be laid out in another way.
var earlier = regexp.MustCompile(`(?m)^-- formerly ([0-9a-f]{64})\b`)

// readStep reads "0003_actions.sql": the number is the version, the first line
// a comment that names the step.
func readStep(file string, o *Options) (Step, error) {
	text, err := sqlFiles.ReadFile("sql/" + file)
	if err != nil {
		return Step{}, err
	}
	number, _, _ := strings.Cut(file, "_")
	version, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return Step{}, err
	}
	name, body, ok := strings.Cut(string(text), "\n")
	if !ok || !strings.HasPrefix(name, "-- ") {
		return Step{}, errors.New("the first line must be a comment that names the step")
	}
	sum := sha256.Sum256(text)
	creates := ""
	if m := creation.FindStringSubmatch(body); m != nil {
		creates = m[1]
	}
	formerly := ""
	if m := earlier.FindStringSubmatch(body); m != nil {
		formerly = m[1]
	}
	age := ""
	if m := kept.FindStringSubmatch(body); m != nil {
		age = m[1]
	}
	return Step{
		creates:  creates,
		formerly: formerly,
		kept:     age,
		Version:  uint32(version),
		Name:     o.render(strings.TrimPrefix(name, "-- ")),
		SQL:      strings.TrimSpace(o.render(body)),
		Checksum: hex.EncodeToString(sum[:]),
	}, nil
}

// Render fills in {db} and {all} of SQL that a file of the evidence catalogue asks
// the store outside its view.
func (o *Options) Render(sql string) string {
	d := o.withDefaults()
	return d.render(sql)
}

// Render fills in the words of a template, {db} and the like, with options that are
// valid. {database} is the name of the database without quotes.
func Render(opts Options, template string) string {
	o := opts.withDefaults()
	return o.render(strings.ReplaceAll(template, "{database}", o.Database))
}

// render fills in the template's {words}. What ClickHouse itself reads in braces
// ({period_start:...}) is left alone.
func (o *Options) render(s string) string {
	onCluster, replicated, all := "", "", ""
	if o.Cluster != "" {
		onCluster, replicated, all = " ON CLUSTER "+quote(o.Cluster), "Replicated", "_all"
	}
	return strings.NewReplacer(
		"{db}", quote(o.Database),
		"{db_name}", "'"+o.Database+"'",
		"{db_pattern}", regexp.QuoteMeta(o.Database),
		"{on_cluster}", onCluster,
		"{cluster}", "'"+o.Cluster+"'",
		"{replicated}", replicated,
		"{all}", all,
		"{content_ttl ts}", "TTL "+ContentTTL,
	).Replace(kept.ReplaceAllString(s, ""))
}

// kept marks, in the template of a table, that its rows are kept for the time of the
// retention policy, by which column. No TTL takes its place: a TTL deletes without a
// record and knows no hold. `spanwarden retention apply` drops what is due.
var kept = regexp.MustCompile(`\{ttl ([a-z_]+)\}`)

// ContentTTL is when rows of content expire; a hold stops it.
var ContentTTL = fmt.Sprintf("toDateTime(ts) + toIntervalDay(%d)", ContentDays)

// quote is safe because Validate admits only identifiers.
func quote(name string) string { return "`" + name + "`" }
