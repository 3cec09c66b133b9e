package cmdline_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/geeknik/gal-pkg/internal/cmdline"
)

// screen is a terminal that knows what progress writes: lines, going up, and erasing below.
type screen struct {
	mu    sync.Mutex
	lines []string
	frame []string // all that was on it, at every write
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := string(p)
	if rest, ok := strings.CutPrefix(text, "\r\x1b["); ok {
		up := 0
		if _, err := fmt.Sscanf(rest, "%dA", &up); err != nil {
			return 0, err
		}
		s.lines = s.lines[:len(s.lines)-up]
		_, text, _ = strings.Cut(rest, "A\x1b[J")
	}
	for line := range strings.Lines(text) {
		s.lines = append(s.lines, strings.TrimSuffix(line, "\n"))
	}
	s.frame = append(s.frame, strings.Join(s.lines, "\n"))
	return len(p), nil
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(screen)
		p := &cmdline.Printer{Stdout: s, Stderr: s}
		g := p.StartProgress(func() int { return 60 }, time.Now)
		shows := func(want string) {
			t.Helper()
			time.Sleep(150 * time.Millisecond)
			synctest.Wait()
			if got := s.String(); got != want {
				t.Errorf("the screen is\n%s\nnot\n%s", got, want)
			}
		}
		shows("")
		g.Plan(3, 4_000_000)
		g.Begin("small 1.0.0", 1_000_000)
		g.Begin("large 1.0.0", 3_000_000)
		g.Begin("strange", 0)
		g.Advance("large 1.0.0", 1_500_000)
		shows("        1.5 MB of 3.0 MB   50 %  large 1.0.0\n           0 B of 1.0 MB    0 %  small 1.0.0\n" +
			"                     0 B         strange\n Downloading 0 of 3 packages, 1.5 MB of 4.0 MB")
		// What is printed stands above, and progress stays below.
		p.Say("a line")
		if err := p.Result("x", struct{}{}, cmdline.Text("a result\n")); err != nil {
			t.Fatal(err)
		}
		g.Done("strange", true)
		g.Advance("small 1.0.0", 1_000_000)
		g.Done("small 1.0.0", true)
		time.Sleep(time.Second)
		g.Advance("large 1.0.0", 2_500_000)
		shows("a line\na result\n        2.5 MB of 3.0 MB   83 %  large 1.0.0\n Downloading 2 of 3 packages, 3.5 MB of 4.0 MB, 1.7 MB/s")
		// It begins anew, and then nothing goes on.
		g.Begin("large 1.0.0", 3_000_000)
		g.Wait("cdn.example: it answers 429; asking again in 12s and more words than fit")
		time.Sleep(time.Second)
		shows("a line\na result\n           0 B of 3.0 MB    0 %  large 1.0.0\n Waiting for cdn.example: it answers 429; asking again in 1")
		g.Advance("large 1.0.0", 3_000_000)
		g.Done("large 1.0.0", true)
		shows("a line\na result")
		time.Sleep(2 * time.Minute) // no wait lasts so long
		shows("a line\na result")
		g.Begin("more \x1b[2J", 1)
		shows("a line\na result\n              0 B of 1 B    0 %  more \\x1b[2J\n Downloading 3 of 4 packages, 4.0 MB of 4.0 MB")
		// What is here and waits for its turn to be unpacked has been downloaded.
		g.Begin("early 1.0.0", 5)
		g.Advance("early 1.0.0", 5)
		g.Arrived("early 1.0.0")
		shows("a line\na result\n              0 B of 1 B    0 %  more \\x1b[2J\n Downloading 4 of 5 packages, 4.0 MB of 4.0 MB")
		// Nothing comes, and it is seen who is waited for: whoever has been silent for longest.
		first := g.Ask("index.example")
		time.Sleep(700 * time.Millisecond)
		second := g.Ask("cdn.example")
		time.Sleep(700 * time.Millisecond)
		shows("a line\na result\n              0 B of 1 B    0 %  more \\x1b[2J\n Waiting for index.example")
		first.Hear()
		time.Sleep(1100 * time.Millisecond)
		shows("a line\na result\n              0 B of 1 B    0 %  more \\x1b[2J\n Waiting for cdn.example")
		// What was waited for goes before who was asked until then.
		g.Wait("the cache, which another process is cleaning")
		shows("a line\na result\n              0 B of 1 B    0 %  more \\x1b[2J\n Waiting for the cache, which another process is cleaning")
		third := g.Ask("later.example")
		third.Hear()
		shows("a line\na result\n              0 B of 1 B    0 %  more \\x1b[2J\n Downloading 4 of 5 packages, 4.0 MB of 4.0 MB")
		third.End()
		time.Sleep(time.Minute)
		second.End()
		g.Done("more \x1b[2J", true)
		g.Done("early 1.0.0", true)
		shows("a line\na result\n Waiting for index.example")
		// A question stays alone while it is asked.
		_ = p.Ask("sure?\n", func() error {
			time.Sleep(5 * time.Second)
			shows("a line\na result\nsure?")
			return nil
		})
		shows("a line\na result\nsure?\n Waiting for index.example")
		first.End()
		first.End()
		shows("a line\na result\nsure?")
		g.Stop()
		p.Say("the end")
		if got := s.String(); got != "a line\na result\nsure?\nthe end" {
			t.Errorf("it leaves\n%s", got)
		}
	})
}

// Whatever the width, no line takes two on the screen, and a package is known by its name.
func TestNarrowProgress(t *testing.T) {
	for width, want := range map[int]string{
		60: "        1.5 MB of 3.0 MB   50 %  large-package 1.0.0\n                     0 B         \\u2028 2.0.0\n Downloading 0 of 2 packages, 1.5 MB of 4.0 MB",
		59: "large-package 1.0.0                       1.5 MB of 3.0 MB\n\\u2028 2.0.0                                           0 B\nDownloading 0 of 2 packages, 1.5 MB of 4.0 MB",
		41: "large-package 1.0.      1.5 MB of 3.0 MB\n\\u2028 2.0.0                         0 B\nDownloading 0 of 2 packages, 1.5 MB of 4",
		31: "large-package 1.0.0       50 %\n\\u2028 2.0.0\nDownloading 0 of 2 packages, 1",
		21: "large-package   50 %\n\\u2028 2.0.0\nDownloading 0 of 2 p",
		6:  "large\n\\u202\nDownl",
		1:  "\n\n",
		0:  "\n\n",
	} {
		synctest.Test(t, func(t *testing.T) {
			s := new(screen)
			p := &cmdline.Printer{Stdout: s, Stderr: s}
			g := p.StartProgress(func() int { return width }, time.Now)
			g.Plan(2, 4_000_000)
			g.Begin("large-package 1.0.0", 3_000_000)
			g.Begin("\u2028 2.0.0", 0)
			g.Advance("large-package 1.0.0", 1_500_000)
			time.Sleep(150 * time.Millisecond)
			synctest.Wait()
			if got := s.String(); got != want {
				t.Errorf("with %d columns the screen is\n%s\nnot\n%s", width, got, want)
			}
			g.Stop()
		})
	}
}

func TestNoProgress(t *testing.T) {
	var g *cmdline.Progress
	g.Plan(1, 1)
	g.Begin("a", 1)
	g.Advance("a", 1)
	g.Arrived("a")
	g.Wait("b")
	a := g.Ask("c")
	a.Hear()
	a.End()
	g.Done("a", true)
	g.Stop()
}
