package settings

import (
	"reflect"
	"strings"
	"testing"
)

// FuzzRegistries holds: what is accepted is whole, and a registry that is added and removed changes the meaning by itself
// alone.
func FuzzRegistries(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte("registries = { a = { url = '/a' } }"))
	f.Add([]byte("registries.a.url = '/a' # x\r\n[registries.b]\r\nurl='http://[::1]:1/'"))
	f.Add([]byte("[registries.zz-added]\nurl='/z'"))
	f.Add([]byte("[registries]\n[registries.default]\nurl = 'git+ssh://git@h.example/x'\n\n# end"))
	f.Fuzz(func(t *testing.T, data []byte) {
		before, err := parseRegistries("r", data)
		if err != nil {
			return
		}
		if _, ok := before.All[before.Default]; !ok {
			t.Fatalf("the default %q is not there", before.Default)
		}
		for name, r := range before.All {
			if r.Name != name || CheckRegistryName(name) != nil || r.Kind() == "" || strings.Contains(r.Origin(), "@") {
				t.Fatalf("%q: %+v", name, r)
			}
		}
		const name = "zz-added"
		added, err := editRegistries("r", data, func(now *Registries, e *editor) error { return now.add(e, name, Registry{URL: "/zz"}) })
		if _, there := before.All[name]; err != nil && (there || code(err) == "registry-exists" || code(err) == "edit-refused") {
			return
		}
		if err != nil {
			t.Fatalf("%v", err)
		}
		after, err := parseRegistries("r", added)
		if err != nil || len(after.All) != len(before.All)+1 || after.All[name].URL != "/zz" {
			t.Fatalf("%+v %v", after, err)
		}
		delete(after.All, name)
		if !reflect.DeepEqual(after, before) {
			t.Fatalf("adding changed %+v to %+v", before, after)
		}
		removed, err := editRegistries("r", added, func(_ *Registries, e *editor) error { e.remove("registries", name); return nil })
		if err != nil {
			t.Fatalf("%v", err)
		}
		if again, err := parseRegistries("r", removed); err != nil || !reflect.DeepEqual(again, before) {
			t.Fatalf("removing left %+v %v", again, err)
		}
	})
}

// FuzzConfig holds: every value that is read can be set, and a value that is set is alone in what changes.
func FuzzConfig(f *testing.F) {
	f.Add([]byte("jobs = 3\n[signing]\nkey = '/k'\nauto = true\n"), uint(0))
	f.Add([]byte("fetch.git_binary = 'auto' # x\r\nstore = { verify = 'stat' }"), uint(7))
	f.Add([]byte("signing = {}\n"), uint(6))
	f.Fuzz(func(t *testing.T, data []byte, which uint) {
		before, _, err := parseConfig("c", data)
		if err != nil {
			return
		}
		for name, value := range before {
			if _, err := findOption(name).parse(value, "/"); err != nil {
				t.Fatalf("%s %v", name, err)
			}
		}
		o := options()[which%uint(len(options()))]
		value := map[form]string{flagForm: "true", numberForm: "7", pathForm: "/p", idForm: "alice", wordForm: "", urlForm: "https://a.example"}[o.form]
		if o.form == wordForm {
			value = o.words[1]
		}
		typed, err := o.parse(value, "")
		if err != nil {
			t.Fatal(err)
		}
		text, err := editConfig("c", data, func(e *editor) { e.set(typed, o.path()...) })
		if code(err) == "edit-refused" {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		after, _, err := parseConfig("c", text)
		if before[o.name] = value; err != nil || !reflect.DeepEqual(after, before) {
			t.Fatalf("%v %v, want %v", after, err, before)
		}
	})
}

// FuzzCredentials holds: what is read shows no secret, goes to its origin alone and comes back from a new file the same.
func FuzzCredentials(f *testing.F) {
	f.Add([]byte("[registries.a]\norigin = 'https://a.example'\ntoken = 'gal_0123456789abcdef0123'\n"))
	f.Add([]byte("registries.a = { origin = 'http://127.0.0.1:1', username = 'u', password = 'p w' }\r\n"))
	f.Add([]byte("cache.shared = { origin = 'https://a.example', token = 'gal_0123456789abcdef0123' }\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := parseCredentials("c", data)
		if err != nil {
			return
		}
		for name, c := range all.registries {
			comesBack(t, c, kept{registries: map[string]Credential{name: c}}, "registries", name)
		}
		if all.shared != (Credential{}) {
			comesBack(t, all.shared, kept{map[string]Credential{}, all.shared}, "cache", "shared")
		}
	})
}

func comesBack(t *testing.T, c Credential, want kept, table ...string) {
	t.Helper()
	if c.Token != "" && strings.Contains(c.masked(), c.Token) {
		t.Fatalf("%q shows %q", c.masked(), c.Token)
	}
	if c.AuthorizationFor(c.Origin+"x") != "" || c.AuthorizationFor(c.Origin) == "" {
		t.Fatalf("%q is not bound to its origin", table)
	}
	if strings.ContainsAny(c.Authorization(), "\r\n") {
		t.Fatalf("%q breaks out of its header", table)
	}
	text, err := editCredentials("c", nil, &c, table)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := parseCredentials("c", text); err != nil || !reflect.DeepEqual(again, want) {
		t.Fatalf("%q came back different: %v", table, err)
	}
}
