//go:build failpoint

package failpoint

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// counts is how often each point was reached. It belongs to the process, as what happens to it does.
var counts = struct {
	sync.Mutex
	of map[Point]int
}{of: map[Point]int{}}

// Reach counts a point and does what the environment asks for. Points are reached one after the other, in all goroutines.
func Reach(p Point) {
	counts.Lock()
	defer counts.Unlock()
	counts.of[p]++
	if log := os.Getenv("GAL_FAILPOINT_LOG"); log != "" {
		note(log, p)
	}
	name, rest, _ := strings.Cut(os.Getenv("GAL_FAILPOINT"), ":")
	nth, action, _ := strings.Cut(rest, ":")
	if n, err := strconv.Atoi(nth); Point(name) != p || err != nil || counts.of[p] != n {
		return
	}
	signal := syscall.SIGKILL
	switch action {
	case "interrupt":
		signal = syscall.SIGINT
	case "terminate":
		signal = syscall.SIGTERM
	}
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Signal(signal)
	}
	if err != nil {
		panic(err)
	}
	if signal == syscall.SIGKILL {
		select {} // it comes before anything else happens
	}
}

func note(file string, p Point) {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	if _, err := f.WriteString(string(p) + "\n"); err != nil {
		panic(err)
	}
}
