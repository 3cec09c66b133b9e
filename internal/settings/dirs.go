package settings

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// Environment looks a variable up, "" where it is not set, as os.Getenv does.
type Environment = func(key string) string

// Dirs are the absolute paths of the user's folders. They need not exist.
type Dirs struct {
	Config string // registries.toml, config.toml, credentials.toml
	Cache  string // what can be fetched again
	State  string // what must be remembered: trust, metrics
}

// FindDirs returns the folders as the package comment says, and a warning for each XDG variable that is ignored because
// it is relative. Errors, of kind Usage: "no-home" where a folder can be had from no variable, which are named;
// "relative-dir" for a GAL variable that is not absolute.
func FindDirs(env Environment) (Dirs, []string, error) { return findDirs(runtime.GOOS, env) }

// place says where one folder comes from, the first that is set going first.
type place struct {
	override  string   // the GAL variable
	xdg       string   // the variable with the folder's parent, "" on Windows
	bases     []string // variables with an absolute path
	below     [][]string
	directory *string
}

func findDirs(goos string, env Environment) (Dirs, []string, error) {
	var dirs Dirs
	var warnings []string
	for _, p := range places(goos, &dirs) {
		warning, err := p.find(goos, env)
		if err != nil {
			return Dirs{}, nil, err
		}
		if warning != "" {
			warnings = append(warnings, warning)
		}
	}
	return dirs, warnings, nil
}

func places(goos string, dirs *Dirs) []place {
	home := []string{"HOME"}
	at := func(parts ...string) [][]string { return [][]string{parts} }
	switch goos {
	case "windows":
		local := []string{"LOCALAPPDATA", "USERPROFILE"}
		return []place{
			{"GAL_CONFIG_DIR", "", []string{"APPDATA", "USERPROFILE"}, [][]string{{"gal"}, {"AppData", "Roaming", "gal"}}, &dirs.Config},
			{"GAL_CACHE_DIR", "", local, [][]string{{"gal", "cache"}, {"AppData", "Local", "gal", "cache"}}, &dirs.Cache},
			{"GAL_DATA_DIR", "", local, [][]string{{"gal", "state"}, {"AppData", "Local", "gal", "state"}}, &dirs.State},
		}
	case "darwin", "ios":
		return []place{
			{"GAL_CONFIG_DIR", "XDG_CONFIG_HOME", home, at("Library", "Application Support", "gal"), &dirs.Config},
			{"GAL_CACHE_DIR", "XDG_CACHE_HOME", home, at("Library", "Caches", "gal"), &dirs.Cache},
			{"GAL_DATA_DIR", "XDG_STATE_HOME", home, at("Library", "Application Support", "gal", "state"), &dirs.State},
		}
	default:
		return []place{
			{"GAL_CONFIG_DIR", "XDG_CONFIG_HOME", home, at(".config", "gal"), &dirs.Config},
			{"GAL_CACHE_DIR", "XDG_CACHE_HOME", home, at(".cache", "gal"), &dirs.Cache},
			{"GAL_DATA_DIR", "XDG_STATE_HOME", home, at(".local", "state", "gal"), &dirs.State},
		}
	}
}

func (p place) find(goos string, env Environment) (warning string, err error) {
	if dir := env(p.override); dir != "" {
		if !isAbsolute(goos, dir) {
			return "", fault.New(fault.Usage, "relative-dir", "%s is %q, which is not an absolute path", p.override, dir)
		}
		*p.directory = dir
		return "", nil
	}
	if p.xdg != "" {
		dir := env(p.xdg)
		if isAbsolute(goos, dir) {
			*p.directory = join(goos, dir, "gal")
			return "", nil
		}
		if dir != "" {
			warning = fmt.Sprintf("%s is %q, which is not an absolute path; it is ignored", p.xdg, dir)
		}
	}
	for i, variable := range p.bases {
		if dir := env(variable); isAbsolute(goos, dir) {
			*p.directory = join(goos, dir, p.below[i]...)
			return warning, nil
		}
	}
	return "", p.homeless()
}

// homeless is the error of a folder that no variable leads to.
func (p place) homeless() error {
	names := strings.Join(p.bases, " and ")
	return fault.New(fault.Usage, "no-home", "%s must be set to an absolute path, or %s", names, p.override).
		WithHelp("export %s=/path/to/folder", p.override)
}

// isAbsolute is filepath.IsAbs for a given system.
func isAbsolute(goos, dir string) bool {
	if goos != "windows" {
		return strings.HasPrefix(dir, "/")
	}
	drive := len(dir) >= 3 && dir[1] == ':' && (dir[2] == '\\' || dir[2] == '/')
	return drive || strings.HasPrefix(dir, `\\`)
}

func join(goos, dir string, parts ...string) string {
	separator := "/"
	if goos == "windows" {
		separator = `\`
	}
	return strings.TrimRight(dir, `/`+separator) + separator + strings.Join(parts, separator)
}
