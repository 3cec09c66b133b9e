package tuf_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/theupdateframework/go-tuf/v2/metadata/config"
	"github.com/theupdateframework/go-tuf/v2/metadata/updater"

	"github.com/geeknik/gal-pkg/sign/tuf"
)

// TestOtherClients: go-tuf's own client, which knows nothing of this package, comes to the newest targets, through roots
// that others have replaced.
func TestOtherClients(t *testing.T) {
	r := newRepository(t)
	first := r.state.Root
	r.rotate(keys(t), tuf.RootOptions{LogSize: 3})
	r.release("registry.toml", "second")
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		data, ok := r.files[strings.TrimPrefix(request.URL.Path, "/")]
		if !ok {
			http.NotFound(w, request)
			return
		}
		w.Write(data)
	}))
	defer host.Close()
	c, err := config.New(host.URL+"/trust", first)
	if err != nil {
		t.Fatal(err)
	}
	c.LocalMetadataDir, c.LocalTargetsDir = filepath.Join(t.TempDir(), "m"), filepath.Join(t.TempDir(), "t")
	if err := c.SetDefaultFetcherHTTPClient(host.Client()); err != nil {
		t.Fatal(err)
	}
	u, err := updater.New(c)
	if err != nil {
		t.Fatal(err)
	}
	u.UnsafeSetRefTime(now)
	if err := u.Refresh(); err != nil {
		t.Fatal(err)
	}
	info, err := u.GetTargetInfo("registry.toml")
	if err != nil || info.VerifyLengthHashes([]byte("second")) != nil {
		t.Errorf("%+v, %v", info, err)
	}
}
