package settings

import (
	"testing"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// variables is an environment.
func variables(pairs ...string) Environment {
	return func(key string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == key {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestFindDirs(t *testing.T) {
	gal := []string{"GAL_CONFIG_DIR", "/c", "GAL_CACHE_DIR", "/k", "GAL_DATA_DIR", "/d"}
	rows := []struct {
		name, goos string
		env        []string
		want       Dirs
		warnings   int
		code       string
	}{
		{"plain", "linux", []string{"HOME", "/h"}, Dirs{"/h/.config/gal", "/h/.cache/gal", "/h/.local/state/gal"}, 0, ""},
		{"xdg", "linux", []string{"HOME", "/h", "XDG_CONFIG_HOME", "/x/", "XDG_STATE_HOME", "/s"}, Dirs{"/x/gal", "/h/.cache/gal", "/s/gal"}, 0, ""},
		{"relative xdg", "linux", []string{"HOME", "/h", "XDG_CACHE_HOME", "cache"}, Dirs{"/h/.config/gal", "/h/.cache/gal", "/h/.local/state/gal"}, 1, ""},
		{"all gal, no home", "linux", gal, Dirs{"/c", "/k", "/d"}, 0, ""},
		{"gal before xdg", "linux", append([]string{"XDG_CONFIG_HOME", "/x"}, gal...), Dirs{"/c", "/k", "/d"}, 0, ""},
		{"relative gal", "linux", []string{"HOME", "/h", "GAL_DATA_DIR", "d"}, Dirs{}, 0, "relative-dir"},
		{"no home", "linux", nil, Dirs{}, 0, "no-home"},
		{"relative home", "linux", []string{"HOME", "h"}, Dirs{}, 0, "no-home"},
		{"one without a home", "linux", gal[:4], Dirs{}, 0, "no-home"},
		{"root's home", "linux", []string{"HOME", "/"}, Dirs{"/.config/gal", "/.cache/gal", "/.local/state/gal"}, 0, ""},
		{"macOS", "darwin", []string{"HOME", "/h"}, Dirs{"/h/Library/Application Support/gal", "/h/Library/Caches/gal", "/h/Library/Application Support/gal/state"}, 0, ""},
		{"macOS with xdg", "darwin", []string{"HOME", "/h", "XDG_CONFIG_HOME", "/x"}, Dirs{"/x/gal", "/h/Library/Caches/gal", "/h/Library/Application Support/gal/state"}, 0, ""},
		{"Windows", "windows", []string{"APPDATA", `C:\R`, "LOCALAPPDATA", `C:\L`}, Dirs{`C:\R\gal`, `C:\L\gal\cache`, `C:\L\gal\state`}, 0, ""},
		{"Windows profile", "windows", []string{"USERPROFILE", `C:\U`}, Dirs{`C:\U\AppData\Roaming\gal`, `C:\U\AppData\Local\gal\cache`, `C:\U\AppData\Local\gal\state`}, 0, ""},
		{"Windows, without a drive", "windows", []string{"APPDATA", `\R`}, Dirs{}, 0, "no-home"},
	}
	for _, r := range rows {
		dirs, warnings, err := findDirs(r.goos, variables(r.env...))
		if code(err) != r.code || dirs != r.want || len(warnings) != r.warnings {
			t.Errorf("%s: %v %v %v, want %v", r.name, dirs, warnings, err, r.want)
		}
	}
}

// code is the code of a fault, "" for none.
func code(err error) string {
	if err == nil {
		return ""
	}
	if f := fault.Of(err); f != nil {
		return f.Code
	}
	return "not a fault: " + err.Error()
}
