package anchor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spanwarden/spanwarden/internal/tlog"
)

// Git commits checkpoints and pushes them. Each writer has a branch of its own, so
// that collectors need no lock among themselves and none ever has to merge: the
// history of a branch is that of the writer's checkpoints. It runs the git that is
// installed, with its credentials, proxies and ssh: a git library would bring some
// thirty modules and none of those.
type Git struct {
	Remote    string // whatever git pushes to
	Branch    string // in front of the writer's name
	Directory string // gets a repository for each writer, made when it is first needed
}

// DefaultBranch is in front of the name of each writer's branch.
const DefaultBranch = "spanwarden-anchors"

// Kind is of Place.
func (*Git) Kind() string { return "git" }

// Put commits on top of what the remote has and pushes. Where somebody else moved
// the branch it does so once more on top of that; it never forces.
func (g *Git) Put(ctx context.Context, c *tlog.Checkpoint, signed string, now time.Time) (uri string, err error) {
	ref := "refs/heads/" + g.Branch + "/" + c.Writer
	uri = "git+" + g.Remote + "#" + strings.TrimPrefix(ref, "refs/heads/")
	raw, err := encode(signed, now)
	if err != nil {
		return uri, err
	}
	r := repo{remote: g.Remote, dir: filepath.Join(g.Directory, c.Writer+".git")}
	if _, err := os.Stat(filepath.Join(r.dir, "HEAD")); err != nil {
		if _, err := git(ctx, "", nil, []string{"init", "--quiet", "--bare", r.dir}); err != nil {
			return uri, err
		}
	}
	parent, err := r.run(ctx, nil, "for-each-ref", "--format=%(objectname)", ref)
	if err != nil {
		return uri, err
	}
	if parent != "" {
		if r.commitAndPush(ctx, c, ref, parent, raw, now) == nil {
			return uri, nil
		}
	}
	if parent, err = r.fetch(ctx, ref); err != nil {
		return uri, err
	}
	return uri, r.commitAndPush(ctx, c, ref, parent, raw, now)
}

// repo is the repository of one writer.
type repo struct{ remote, dir string }

// fetch returns the newest commit of the remote's branch, "" where it has none.
func (r *repo) fetch(ctx context.Context, ref string) (string, error) {
	have, err := r.run(ctx, nil, "ls-remote", r.remote, ref)
	if err != nil || have == "" {
		return "", err
	}
	if _, err := r.run(ctx, nil, "fetch", "--quiet", "--no-tags", "--depth=1", r.remote, ref); err != nil {
		return "", err
	}
	return r.run(ctx, nil, "rev-parse", "FETCH_HEAD")
}

// commitAndPush adds a commit that replaces the file of the log and leaves those of
// the writer's earlier logs.
func (r *repo) commitAndPush(ctx context.Context, c *tlog.Checkpoint, ref, parent string, raw []byte, now time.Time) error {
	blob, err := r.run(ctx, raw, "hash-object", "-w", "--stdin")
	if err != nil {
		return err
	}
	var entries bytes.Buffer
	fmt.Fprintf(&entries, "100644 blob %s\t%s\n", blob, fileOf(c))
	args := []string{"commit-tree", "-m", fmt.Sprintf("%s/%d: %d leaves", c.Writer, c.Epoch, c.Size)}
	if parent != "" {
		old, err := r.run(ctx, nil, "ls-tree", parent)
		if err != nil {
			return err
		}
		for entry := range strings.Lines(old) {
			if entry = strings.TrimSpace(entry); entry != "" && !strings.HasSuffix(entry, "\t"+fileOf(c)) {
				entries.WriteString(entry + "\n")
			}
		}
		args = append(args, "-p", parent)
	}
	tree, err := r.run(ctx, entries.Bytes(), "mktree")
	if err != nil {
		return err
	}
	commit, err := r.runAt(ctx, now, append(args, tree)...)
	if err != nil {
		return err
	}
	if _, err := r.run(ctx, nil, "push", "--quiet", r.remote, commit+":"+ref); err != nil {
		return err
	}
	if _, err := r.run(ctx, nil, "update-ref", ref, commit); err != nil {
		return err
	}
	_, err = r.run(ctx, nil, "gc", "--auto", "--quiet")
	return err
}

func (r *repo) run(ctx context.Context, in []byte, args ...string) (string, error) {
	return git(ctx, r.dir, in, args)
}

func (r *repo) runAt(ctx context.Context, now time.Time, args ...string) (string, error) {
	at := now.UTC().Format(time.RFC3339)
	return git(ctx, r.dir, nil, args, "GIT_AUTHOR_DATE="+at, "GIT_COMMITTER_DATE="+at)
}

// git runs git in a bare repository and returns what it prints.
func git(ctx context.Context, dir string, in []byte, args []string, env ...string) (string, error) {
	verb := args[0]
	if dir != "" {
		args = append([]string{"--git-dir=" + dir}, args...)
	}
	// What an operator's own configuration says of hooks, signing and authors is not
	// meant for these.
	args = append([]string{"-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=false", "-c", "gc.autoDetach=false"}, args...)
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Env = append(os.Environ(), append(env, "GIT_TERMINAL_PROMPT=0", "LC_ALL=C",
		"GIT_AUTHOR_NAME=spanwarden", "GIT_AUTHOR_EMAIL=spanwarden@localhost", "GIT_COMMITTER_NAME=spanwarden", "GIT_COMMITTER_EMAIL=spanwarden@localhost")...)
	var out, failed bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &failed
	if err := cmd.Run(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return "", errors.New("git is not installed")
		}
		text := failed.String()
		return "", fmt.Errorf("git %s: %w: %s", verb, errors.Join(err, ctx.Err()), strings.TrimSpace(text[:min(len(text), 500)]))
	}
	return strings.TrimRight(out.String(), "\n"), nil
}
