package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/fetch/cache"
	"github.com/geeknik/gal-pkg/internal/failpoint"
	"github.com/geeknik/gal-pkg/internal/needs"
	"github.com/geeknik/gal-pkg/tools/faultserver"
)

// TestFaults runs the stories in testdata/fault: what becomes of a project and of the store when programs are killed,
// disks are full, hosts misbehave and files rot. They have the commands of [TestScripts], and these:
//
//	faulty [-tls|-mutual] DIR [RULE...]
//	                          serve a published tree over http with the faults of package faultserver; sets HOST_URL. With
//	                          -tls over https, with the authority in ca.pem; with -mutual also to nobody but who shows the
//	                          certificate in client.pem, whose key is in client.key
//	tmpfs DIR SIZE            mount a file system of that size, or change its size
//	mend                      that host behaves from now on
//	asked PATTERN N           N requests for paths that match were sent to it
//	sound PROJECT             the lock, the links and everything in the store are as they must be, and nothing is left over
//	crash, crashed            see [crash]
//	reorder MIN ...           see [reorder]
//	peak MIB CODE ARG...      see [peak]
//	zeros FILE                fill a file with zeros, as a power cut may leave it
//	flip FILE N               flip one bit of byte N, keeping the file's time
//	[root]                    the user may do everything, mounts included
//	[strace]                  the calls of a program can be traced
func TestFaults(t *testing.T) {
	if os.Getenv("CI") == "true" {
		needs.Program(t, "strace", "strace")
	}
	program := filepath.Join(t.TempDir(), "gal-pkg")
	if out, err := exec.Command("go", "build", "-tags", "failpoint", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("building with failpoints: %v\n%s", err, out)
	}
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/fault",
		WorkdirRoot:        inMemory(t),
		RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			home := filepath.Join(env.WorkDir, ".home")
			env.Setenv("HOME", home)
			env.Setenv("FAILPOINT_PROGRAM", program)
			env.Values[hostKey{}] = new(hosting)
			env.Values[tallyKey{}] = &tally{points: map[failpoint.Point]bool{}}
			return os.Mkdir(home, 0o755)
		},
		Condition: func(name string) (bool, error) {
			return name == "root" && mountable(t.TempDir()) || name == "strace" && traceable(), nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"seed": seed, "vouch": vouch, "edit": edit, "damage": damage, "await": await, "host": host, "protect": protect,
			"faulty": faulty, "mend": mend, "asked": asked, "sound": sound, "crash": crashes, "crashed": crashed, "zeros": zeros, "tmpfs": tmpfs, "flip": flip,
			"peak": peak, "reorder": reorder,
		},
	})
}

// inMemory returns a folder whose files are in memory, where a thousand installs need not wait for a disk; "" where there is
// none with enough room.
func inMemory(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "gal-faults-")
	if err != nil {
		return ""
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	store, err := cache.NewCache(filepath.Join(dir, "probe"), fetch.Events{})
	if err != nil || store.Room([]fetch.Item{{Unpacked: 512 << 20}}, true) != nil {
		return ""
	}
	return dir
}

// mountable reports whether a file system can be mounted here.
func mountable(dir string) bool {
	if os.Geteuid() != 0 || exec.Command("mount", "-t", "tmpfs", "-o", "size=64k", "gal-test", dir).Run() != nil {
		return false
	}
	return exec.Command("umount", dir).Run() == nil
}

// hostKey is under which a script keeps its hosting.
type hostKey struct{}

// hosting is the host of a script, nil before there is one.
type hosting struct{ server *faultserver.Server }

func faulty(ts *testscript.TestScript, neg bool, args []string) {
	mutual := len(args) > 0 && args[0] == "-mutual"
	secure := len(args) > 0 && args[0] == "-tls" || mutual
	if secure {
		args = args[1:]
	}
	if neg || len(args) == 0 {
		ts.Fatalf("usage: faulty [-tls|-mutual] DIR [RULE...]")
	}
	s := faultserver.New(os.DirFS(ts.MkAbs(args[0])))
	ts.Check(s.Inject(args[1:]...))
	server := httptest.NewUnstartedServer(s)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if mutual {
		server.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clientOf(ts)}
	}
	if secure {
		server.StartTLS()
		authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
		ts.Check(os.WriteFile(filepath.Join(ts.Getenv("WORK"), "ca.pem"), authority, 0o644))
	} else {
		server.Start()
	}
	ts.Defer(func() { s.Close(); server.Close() })
	ts.Value(hostKey{}).(*hosting).server = s
	ts.Setenv("HOST_URL", server.URL)
}

// clientOf makes a certificate with its key for a client and returns whom it is accepted from.
func clientOf(ts *testscript.TestScript) *x509.CertPool {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	ts.Check(err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	certificate, err := x509.ParseCertificate(der)
	ts.Check(err)
	for name, block := range map[string]*pem.Block{"client.pem": {Type: "CERTIFICATE", Bytes: der}, "client.key": {Type: "PRIVATE KEY", Bytes: secret}} {
		ts.Check(os.WriteFile(filepath.Join(ts.Getenv("WORK"), name), pem.EncodeToMemory(block), 0o600))
	}
	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	return pool
}

func tmpfs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: tmpfs DIR SIZE")
	}
	dir := ts.MkAbs(args[0])
	if _, err := os.Stat(dir); err == nil {
		ts.Check(exec.Command("mount", "-o", "remount,size="+args[1], dir).Run())
		return
	}
	ts.Check(os.Mkdir(dir, 0o755))
	ts.Check(exec.Command("mount", "-t", "tmpfs", "-o", "size="+args[1], "gal-test", dir).Run())
	ts.Defer(func() { _ = exec.Command("umount", "--lazy", dir).Run() }) // it goes with the machine otherwise
}

func faultHost(ts *testscript.TestScript) *faultserver.Server {
	s := ts.Value(hostKey{}).(*hosting).server
	if s == nil {
		ts.Fatalf("there is no host; use faulty")
	}
	return s
}

func mend(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: mend")
	}
	faultHost(ts).Heal()
}

func asked(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: asked PATTERN N")
	}
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	if got := faultHost(ts).Requests(args[0]); len(got) != want {
		ts.Fatalf("%d requests for %s: %+v", len(got), args[0], got)
	}
}

func zeros(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: zeros FILE")
	}
	rewrite(ts, args[0], func(data []byte) { clear(data) })
}

func flip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: flip FILE N")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	rewrite(ts, args[0], func(data []byte) { data[n%len(data)] ^= 1 })
}

// rewrite changes the one file that a pattern matches, behind the back of whoever looks at times and modes.
func rewrite(ts *testscript.TestScript, pattern string, change func([]byte)) {
	found, err := filepath.Glob(ts.MkAbs(pattern))
	ts.Check(err)
	if len(found) != 1 {
		ts.Fatalf("%s matches %d files", pattern, len(found))
	}
	info, err := os.Stat(found[0])
	ts.Check(err)
	data, err := os.ReadFile(found[0])
	ts.Check(err)
	change(data)
	ts.Check(os.Chmod(found[0], 0o644))
	ts.Check(os.WriteFile(found[0], data, 0o644))
	ts.Check(os.Chmod(found[0], info.Mode()))
	ts.Check(os.Chtimes(found[0], info.ModTime(), info.ModTime()))
}
