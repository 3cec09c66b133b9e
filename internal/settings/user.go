package settings

import "path/filepath"

// Names of the files in [Dirs.Config].
const (
	RegistriesFile  = "registries.toml"
	ConfigFile      = "config.toml"
	CredentialsFile = "credentials.toml"
)

// User is everything that one user has configured.
type User struct {
	Dirs        Dirs
	Registries  *Registries
	Config      *Config
	Credentials *Credentials
	Warnings    []string // about variables, then those of registries.toml and config.toml
}

// Load reads what the user of an environment has configured, without the credentials, which are read where they are
// needed. workDir is what relative paths that are set later are relative to. Errors are those of [FindDirs],
// [LoadRegistries] and [LoadConfig].
func Load(env Environment, workDir string) (*User, error) {
	dirs, warnings, err := FindDirs(env)
	if err != nil {
		return nil, err
	}
	registries, err := LoadRegistries(filepath.Join(dirs.Config, RegistriesFile))
	if err != nil {
		return nil, err
	}
	credentials := OpenCredentials(filepath.Join(dirs.Config, CredentialsFile), env, registries)
	config, err := LoadConfig(filepath.Join(dirs.Config, ConfigFile), Sources{registries, credentials, workDir})
	if err != nil {
		return nil, err
	}
	warnings = append(append(warnings, registries.Warnings...), config.Warnings...)
	return &User{dirs, registries, config, credentials, warnings}, nil
}
