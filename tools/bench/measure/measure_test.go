package measure

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestMain makes this program three: the tests, the copy that measures, and what is measured.
func TestMain(m *testing.M) {
	Main()
	if len(os.Args) == 3 && os.Args[1] == "act" {
		act(os.Args[2])
		return
	}
	os.Exit(m.Run())
}

func act(what string) {
	switch what {
	case "fail":
		fmt.Println("some of it, and why it failed")
		os.Exit(3)
	case "grow":
		memory := make([]byte, 64<<20)
		for i := range memory {
			memory[i] = byte(i)
		}
		fmt.Println(memory[len(memory)-1])
	case "where":
		dir, _ := os.Getwd()
		fmt.Println(dir, os.Getenv("WHO"), len(os.Environ()))
	case "hang":
		select {}
	}
}

func command(t *testing.T, what string) Command {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Command{Dir: t.TempDir(), Env: []string{"WHO=me"}, Args: []string{self, "act", what}, Scratch: t.TempDir()}
}

func TestRun(t *testing.T) {
	c := command(t, "where")
	sample, err := Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if sample.Wall <= 0 || sample.CPU() <= 0 || sample.CPU() != sample.User+sample.System {
		t.Errorf("%+v", sample)
	}
	printed, err := Printed(c.Scratch)
	if err != nil || strings.TrimSpace(printed) != c.Dir+" me 1" {
		t.Errorf("%q, %v", printed, err)
	}
}

// The memory of a program is its own, not that of the process that has it measured.
func TestMemory(t *testing.T) {
	ours := make([]byte, 256<<20)
	for i := range ours {
		ours[i] = 1
	}
	small, err := Run(t.Context(), command(t, "where"))
	if err != nil {
		t.Fatal(err)
	}
	if small.Memory == 0 {
		t.Skip("this system does not tell")
	}
	large, err := Run(t.Context(), command(t, "grow"))
	if err != nil {
		t.Fatal(err)
	}
	if small.Memory > 128<<20 || large.Memory < 64<<20 || large.Memory > 200<<20 {
		t.Errorf("%d and %d bytes, beside %d of ours", small.Memory, large.Memory, len(ours))
	}
}

func TestFailures(t *testing.T) {
	if _, err := Run(t.Context(), command(t, "fail")); err == nil || !strings.Contains(err.Error(), "exits with 3") || !strings.Contains(err.Error(), "why it failed") {
		t.Errorf("%v", err)
	}
	absent := command(t, "where")
	absent.Args[0] = "/no/such/program"
	if _, err := Run(t.Context(), absent); err == nil || !strings.Contains(err.Error(), "/no/such/program") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, command(t, "hang")); err == nil {
		t.Error("a run that was cancelled has no error")
	}
}

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		figures []float64
		want    float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 2, 10}, 3}} {
		if got := Median(test.figures); got != test.want {
			t.Errorf("%v: %v, want %v", test.figures, got, test.want)
		}
	}
}
