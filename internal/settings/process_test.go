package settings

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/gofrs/flock"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// TestMain lets the tests run this program again as another process that edits.
func TestMain(m *testing.M) {
	if path := os.Getenv("SETTINGS_TEST_ADD"); path != "" {
		count, _ := strconv.Atoi(os.Getenv("SETTINGS_TEST_COUNT"))
		if err := addMany(path, os.Getenv("SETTINGS_TEST_PREFIX"), count); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// addMany adds registries one after the other, and prints a line after each.
func addMany(path, prefix string, count int) error {
	rs, err := LoadRegistries(path)
	if err != nil {
		return err
	}
	for i := range count {
		name := fmt.Sprint(prefix, i)
		if err := rs.Add(context.Background(), name, Registry{URL: "https://" + name + ".example"}); err != nil {
			return err
		}
		fmt.Println(name)
	}
	return nil
}

func adder(t *testing.T, path, prefix string, count int) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), "SETTINGS_TEST_ADD="+path, "SETTINGS_TEST_PREFIX="+prefix, fmt.Sprint("SETTINGS_TEST_COUNT=", count))
	cmd.Stderr = os.Stderr
	return cmd
}

func TestProcessesEditTogether(t *testing.T) {
	const processes, each = 4, 6
	rs := open(t, "# mine\n")
	var running []*exec.Cmd
	for p := range processes {
		cmd := adder(t, rs.file.path, string(rune('a'+p)), each)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		running = append(running, cmd)
	}
	for _, cmd := range running {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	after, err := LoadRegistries(rs.file.path)
	if err != nil || len(after.All) != processes*each+1 || !strings.HasPrefix(content(t, rs.file.path), "# mine\n") {
		t.Errorf("%v %v", after.Names(), err)
	}
}

// TestKill shows that a process that is killed leaves the file as it was before or after one of its edits.
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), RegistriesFile)
	for round := range 8 {
		prefix := string(rune('a' + round))
		cmd := adder(t, path, prefix, 1000)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for range round + 1 {
			if !lines.Scan() {
				t.Fatal("the process ended early")
			}
		}
		cmd.Process.Kill()
		seen := round + 1
		for lines.Scan() {
			seen++
		}
		cmd.Wait()
		rs, err := LoadRegistries(path)
		if err != nil {
			t.Fatal(err)
		}
		there := 0
		for ; rs.All[fmt.Sprint(prefix, there)].Name != ""; there++ {
		}
		total := 0
		for name := range rs.All {
			if strings.HasPrefix(name, prefix) && name != DefaultName {
				total++
			}
		}
		// One edit more may be done than was told.
		if there < seen || there > seen+1 || total != there {
			t.Errorf("%d edits were told, %d are there in order, %d in all", seen, there, total)
		}
	}
}

func TestLockHeldElsewhere(t *testing.T) {
	rs := open(t, "# mine\n")
	held := flock.New(filepath.Join(filepath.Dir(rs.file.path), lockName))
	if ok, err := held.TryLock(); !ok || err != nil {
		t.Fatal(ok, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := rs.Add(ctx, "x", Registry{URL: "/x"})
	if fault.KindOf(err) != fault.Cancelled || code(err) != "lock-wait" || content(t, rs.file.path) != "# mine\n" {
		t.Errorf("%v", err)
	}
	done := make(chan error)
	go func() { done <- rs.Add(context.Background(), "x", Registry{URL: "/x"}) }()
	if err := held.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
