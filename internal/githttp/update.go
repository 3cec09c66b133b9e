package githttp

import (
	"bytes"
	"errors"
	"io/fs"
	"strconv"
	"strings"

	"github.com/geeknik/gal-pkg/internal/gitrepo"
)

// maxCommands bounds the refs of one push that are reported.
const maxCommands = 10_000

// commands reads what a push asks for: packets of four hex digits (their length, with these four) and "old SP new SP
// ref", the first with capabilities after a NUL, up to the packet "0000". What git would refuse is left out.
func commands(body []byte) []Update {
	var found []Update
	for len(found) < maxCommands && len(body) >= 4 {
		n, err := strconv.ParseUint(string(body[:4]), 16, 16)
		if err != nil || n <= 4 || int(n) > len(body) {
			break
		}
		line, _, _ := bytes.Cut(body[4:n], []byte{0})
		body = body[n:]
		fields := strings.SplitN(strings.TrimSuffix(string(line), "\n"), " ", 3)
		if len(fields) != 3 || gitrepo.CheckRefName(fields[2]) != nil {
			continue
		}
		old, err1 := gitrepo.ParseHash(fields[0])
		now, err2 := gitrepo.ParseHash(fields[1])
		if err1 == nil && err2 == nil {
			found = append(found, Update{fields[2], old, now})
		}
	}
	return found
}

// moved keeps the updates that took place, which only the repository can tell.
func (h *handler) moved(asked []Update) []Update {
	repo, err := gitrepo.Open(h.dir)
	if err != nil {
		return nil
	}
	defer repo.Close()
	var done []Update
	for _, u := range asked {
		at, err := repo.Ref(u.Ref)
		gone := errors.Is(err, fs.ErrNotExist) && u.New.IsZero()
		if u.Old != u.New && (gone || err == nil && at == u.New) {
			done = append(done, u)
		}
	}
	return done
}
