package manifest

import "testing"

func TestAddMember(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"[workspace]\n", "[workspace]\nmembers = [\"x\"]\n"},
		{"[workspace]\nmembers = []\n", "[workspace]\nmembers = [\"x\"]\n"},
		{"[workspace]\nmembers = [\"a\"] # few\n", "[workspace]\nmembers = [\"a\", \"x\"] # few\n"},
		{"[workspace]\nmembers = ['a', ]\n", "[workspace]\nmembers = ['a', \"x\", ]\n"},
		{"[workspace]\r\nmembers = [\r\n  \"a\", # one\r\n]\r\n", "[workspace]\r\nmembers = [\r\n  \"a\", # one\r\n  \"x\",\r\n]\r\n"},
		{"[workspace]\nmembers = [\n\t\"a\",\n\t\"b\" # two\n]\n", "[workspace]\nmembers = [\n\t\"a\",\n\t\"b\", # two\n\t\"x\",\n]\n"},
		{"workspace = { members = [\"a\"] }\n", "workspace = { members = [\"a\", \"x\"] }\n"},
		{"workspace.members = [\"a\",\n \"b\"]", "workspace.members = [\"a\",\n \"b\", \"x\"]"},
	} {
		e, err := Open([]byte(test.text))
		if err != nil {
			t.Fatal(err)
		}
		if err := e.AddMember("x"); err != nil || string(e.Bytes()) != test.want {
			t.Errorf("%q became %q, want %q; %v", test.text, e.Bytes(), test.want, err)
		}
	}
}
