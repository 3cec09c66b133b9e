package cmdline

import "strings"

// AsksForJSON is what --format says where the command line as a whole could not be read; preset is what GAL_FORMAT says.
func AsksForJSON(args []string, preset string) bool {
	format := preset
	for i, arg := range args {
		if value, ok := strings.CutPrefix(arg, "--format="); ok {
			format = value
		} else if arg == "--format" && i+1 < len(args) {
			format = args[i+1]
		}
	}
	return format == "json"
}
