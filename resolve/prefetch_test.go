package resolve

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// eager is a source that loads what it is hinted at in the background, in an order that nobody controls.
type eager struct {
	u       *universe
	random  *rand.Rand
	mutex   sync.Mutex
	started map[PackageID]chan struct{}
	hints   int
	used    int
	waiting sync.WaitGroup
}

func (e *eager) start(id PackageID, delay int) chan struct{} {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if done, ok := e.started[id]; ok {
		return done
	}
	done := make(chan struct{})
	e.started[id] = done
	e.waiting.Go(func() {
		for range delay {
			runtime.Gosched()
		}
		close(done)
	})
	return done
}

func (e *eager) Prefetch(hints []Hint) {
	for _, h := range hints {
		e.hints++
		e.start(h.ID, e.random.IntN(200))
	}
}

func (e *eager) Candidates(ctx context.Context, id PackageID) ([]Candidate, error) {
	e.mutex.Lock()
	if _, hinted := e.started[id]; hinted {
		e.used++
	}
	e.mutex.Unlock()
	<-e.start(id, 0)
	return e.u.Candidates(ctx, id)
}

// TestPrefetch: hints and their timing change nothing, and everything but the first packages is hinted at in time.
func TestPrefetch(t *testing.T) {
	text := tightUniverse(rand.New(rand.NewPCG(11, 4)))
	u := parseUniverse(t, text)
	u.req.Options.Suggestions.Off = true
	want, wantErr := u.resolve(t)
	for seed := range uint64(100) {
		e := &eager{u: u, random: rand.New(rand.NewPCG(seed, 7)), started: map[PackageID]chan struct{}{}}
		got, err := Resolve(context.Background(), u.req, e)
		e.waiting.Wait()
		if fmt.Sprint(got, err) != fmt.Sprint(want, wantErr) {
			t.Fatalf("seed %d: got %v %v, want %v %v", seed, got, err, want, wantErr)
		}
		if e.hints == 0 || e.used == 0 {
			t.Fatalf("%d hints, of which %d were of use", e.hints, e.used)
		}
	}
}

// TestLazy: what nothing chosen asks for is never loaded, nothing is loaded twice, and all that is locked is hinted at
// in one call before anything is loaded.
func TestLazy(t *testing.T) {
	u := parseUniverse(t, `
root app 1.0.0
  a ^1
a 1.0.0
  old ^1
a 1.1.0
  b ^1
  ? optional ^1
b 1.0.0
old 1.0.0
optional 1.0.0
lock a 1.1.0
lock b 1.0.0`)
	h := &hintLog{universe: u}
	if _, err := Resolve(context.Background(), u.req, h); err != nil {
		t.Fatal(err)
	}
	if want := "hint a b, load a, load b"; h.String() != want {
		t.Errorf("got %s, want %s", h, want)
	}
	u.req.Locked = nil
	h = &hintLog{universe: u}
	if _, err := Resolve(context.Background(), u.req, h); err != nil {
		t.Fatal(err)
	}
	if want := "hint a, load a, hint b, load b"; !strings.HasPrefix(h.String(), want) {
		t.Errorf("got %s, want %s", h, want)
	}
}

type hintLog struct {
	*universe
	lines []string
}

func (h *hintLog) String() string { return strings.Join(h.lines, ", ") }

func (h *hintLog) Prefetch(hints []Hint) {
	line := "hint"
	for _, hint := range hints {
		line += " " + hint.ID.Name
	}
	h.lines = append(h.lines, line)
}

func (h *hintLog) Candidates(ctx context.Context, id PackageID) ([]Candidate, error) {
	h.lines = append(h.lines, "load "+id.Name)
	return h.universe.Candidates(ctx, id)
}
