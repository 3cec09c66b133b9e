package main

import (
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// terminal runs a program on a terminal. Once its screen matches a regular expression, the program gets a signal, or a file
// is made that it waits for. What is on the screen in the end, and whether the program worked, goes to the file screen.
func terminal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: terminal COLUMNS REGEXP INT|TERM|HUP|FILE PROGRAM ARG...")
	}
	columns, err := strconv.Atoi(args[0])
	ts.Check(err)
	want, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	program, user, err := openTerminal(columns)
	ts.Check(err)
	defer user.Close()
	c := exec.Command(args[3], args[4:]...)
	c.Dir, c.Env = ts.MkAbs("."), append(os.Environ(), "HOME="+ts.Getenv("HOME"), "NO_COLOR=1", "TERM=xterm")
	c.Stdin, c.Stdout, c.Stderr = program, program, program
	ts.Check(c.Start())
	ts.Check(program.Close())
	s, seen := &screen{columns: columns}, make(chan struct{})
	go func() {
		defer close(seen)
		_, _ = io.Copy(s, user) // to the end, which is an error here
	}()
	deadline := time.Now().Add(30 * time.Second)
	for !want.MatchString(s.String()) && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
	shown := s.String()
	signal, ok := map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP}[args[2]]
	if ok {
		ts.Check(c.Process.Signal(signal))
	} else {
		ts.Check(os.WriteFile(ts.MkAbs(args[2]), nil, 0o644))
	}
	err = c.Wait()
	<-seen
	if !want.MatchString(shown) {
		ts.Fatalf("the screen was never like that:\n%s\nbut in the end\n%s", shown, s)
	}
	end := s.String() + "\n"
	if err != nil {
		end += err.Error() + "\n"
	}
	ts.Check(os.WriteFile(ts.MkAbs("screen"), []byte(end), 0o644))
}

// screen is what a terminal shows: it knows lines, their wrapping, going up, and erasing below.
type screen struct {
	columns int

	mu       sync.Mutex
	lines    []string
	row, col int
	escape   string // one that has begun
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range p {
		s.put(c)
	}
	return len(p), nil
}

func (s *screen) put(c byte) {
	switch {
	case s.escape != "" || c == '\x1b':
		if s.escape += string(c); len(s.escape) > 1 && c >= '@' && c != '[' {
			s.obey(strings.TrimPrefix(s.escape, "\x1b["))
			s.escape = ""
		}
		return
	case c == '\r':
		s.col = 0
		return
	case c == '\n':
		s.row++
		return
	case s.col == s.columns:
		s.row, s.col = s.row+1, 0
	}
	for len(s.lines) <= s.row {
		s.lines = append(s.lines, "")
	}
	line := []byte(s.lines[s.row] + strings.Repeat(" ", max(s.col-len(s.lines[s.row]), 0)) + " ")
	line[s.col] = c
	s.lines[s.row] = strings.TrimRight(string(line), " ")
	s.col++
}

func (s *screen) obey(order string) {
	switch {
	case order == "J" && s.row < len(s.lines):
		s.lines = s.lines[:s.row+1]
		s.lines[s.row] = s.lines[s.row][:min(s.col, len(s.lines[s.row]))]
	case strings.HasSuffix(order, "A"):
		n, _ := strconv.Atoi(order[:len(order)-1])
		s.row = max(s.row-n, 0)
	}
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.TrimRight(strings.Join(s.lines, "\n"), "\n")
}
