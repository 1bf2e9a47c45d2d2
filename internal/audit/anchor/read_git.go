package anchor

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// readGit reads the checkpoints of all commits, also of those that a later one
// replaced.
func readGit(ctx context.Context, remote, branch string, l Limits) (held []Held, notes []string, err error) {
	if branch == "" {
		branch = DefaultBranch
	}
	dir, err := os.MkdirTemp("", "spanwarden-anchors-")
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a copy
	if _, err := git(ctx, "", nil, []string{"init", "--quiet", "--bare", dir}); err != nil {
		return nil, nil, err
	}
	// A clone has the branches of its remote, too.
	for from, to := range map[string]string{"heads/" + branch: "heads", "remotes/origin/" + branch: "remotes"} {
		if _, err := git(ctx, dir, nil, []string{"fetch", "--quiet", "--no-tags", remote, "+refs/" + from + "/*:refs/anchors/" + to + "/*"}); err != nil {
			return nil, nil, err
		}
	}
	objects, err := git(ctx, dir, nil, []string{"rev-list", "--objects", "--glob=refs/anchors"})
	if err != nil {
		return nil, nil, err
	}
	blobs, left := newest(objects, l.PerLog)
	if len(blobs) == 0 {
		return nil, nil, fmt.Errorf("%s: no checkpoints in branches %s/*", remote, branch)
	}
	if left > 0 {
		notes = append(notes, fmt.Sprintf("%s: %d older checkpoints were not read", remote, left))
	}
	raw, err := git(ctx, dir, []byte(strings.Join(blobs, "\n")+"\n"), []string{"cat-file", "--batch"})
	if err != nil {
		return nil, nil, err
	}
	held, err = batchOf(raw+"\n\n", "git+"+remote)
	return held, notes, err
}

// newest takes the first objects of each file of checkpoints, the newest first, and
// counts the others.
func newest(objects string, perLog int) (blobs []string, left int) {
	seen := map[string]int{}
	for entry := range strings.Lines(objects) {
		object, path, _ := strings.Cut(strings.TrimSpace(entry), " ")
		if !strings.HasSuffix(path, suffix) {
			continue
		}
		if seen[path]++; perLog > 0 && seen[path] > perLog {
			left++
			continue
		}
		blobs = append(blobs, object)
	}
	return blobs, left
}

// batchOf reads what `git cat-file --batch` prints.
func batchOf(text, source string) ([]Held, error) {
	var all []Held
	in := bufio.NewReader(strings.NewReader(text))
	for {
		head, err := in.ReadString('\n')
		if err != nil || strings.TrimSpace(head) == "" {
			return all, nil
		}
		fields := strings.Fields(head)
		if len(fields) != 3 {
			return nil, fmt.Errorf("%s: git says %q", source, strings.TrimSpace(head))
		}
		size, err := strconv.Atoi(fields[2])
		if err != nil || size < 0 {
			return nil, fmt.Errorf("%s: git says %q", source, strings.TrimSpace(head))
		}
		raw := make([]byte, min(size, len(text))+1)
		if _, err := io.ReadFull(in, raw); err != nil {
			return nil, fmt.Errorf("%s: object %s: %w", source, fields[0], err)
		}
		held, err := decode(raw[:len(raw)-1], source+" "+fields[0])
		if err != nil {
			return nil, err
		}
		all = append(all, held...)
	}
}
