package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// faultCodes finds the codes of all faults in the sources of the program, each with a file that has it. A code is what stands
// for one in a call of fault.New, what is given to anything that is called code, whether a variable, a member or a parameter,
// and what a function of that name returns: a text, or a constant.
type faultCodes struct {
	t        *testing.T
	consts   map[string]string // folder and name -> text
	takes    map[string]int    // folder and name of a function -> where its parameter is that is called code
	returns  map[string]int    // likewise, its result
	in       string            // the file that is looked at
	found    map[string]string
	kebab    *regexp.Regexp
	function *ast.FuncDecl
}

func findFaultCodes(t *testing.T) map[string]string {
	files := map[string]*ast.File{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains([]string{"gal-registry", "gal-keyless", "tools", "testdata"}, d.Name()) || strings.HasSuffix(path, "keyless/server") {
			return fs.SkipDir
		}
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			files[path], err = parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	c := &faultCodes{t: t, consts: map[string]string{}, takes: map[string]int{}, returns: map[string]int{}, found: map[string]string{},
		kebab: regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)}
	for _, visit := range []func(ast.Node) bool{c.declared, c.used} {
		for _, path := range slices.Sorted(maps.Keys(files)) {
			c.in = path
			ast.Inspect(files[path], visit)
		}
	}
	return c.found
}

func (c *faultCodes) local(name string) string { return filepath.Dir(c.in) + " " + name }

// declared takes note of constants, and of functions that have to do with codes.
func (c *faultCodes) declared(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.ValueSpec:
		for i, name := range n.Names {
			if i < len(n.Values) {
				if text, ok := literal(n.Values[i]); ok {
					c.consts[c.local(name.Name)] = text
				}
			}
		}
	case *ast.FuncDecl:
		if at := codeAmong(n.Type.Params); at >= 0 {
			c.takes[c.local(n.Name.Name)] = at
		}
		if at := codeAmong(n.Type.Results); at >= 0 || isCode(n.Name.Name) {
			c.returns[c.local(n.Name.Name)] = max(at, 0)
		}
	}
	return true
}

// codeAmong is the place among parameters or results of the one that is called code, -1 for none.
func codeAmong(list *ast.FieldList) int {
	at := 0
	if list != nil {
		for _, field := range list.List {
			for _, name := range field.Names {
				if isCode(name.Name) {
					return at
				}
				at++
			}
		}
	}
	return -1
}

func isCode(name string) bool { return name == "code" || name == "Code" }

// used collects what stands where a code is expected.
func (c *faultCodes) used(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.FuncDecl:
		c.function = n
	case *ast.CallExpr:
		at, ok := c.takes[c.local(lastName(n.Fun))]
		if s, is := n.Fun.(*ast.SelectorExpr); is && s.Sel.Name == "New" && lastName(s.X) == "fault" {
			at, ok = 1, true
		}
		if ok && at < len(n.Args) {
			c.note(n.Args[at])
		}
	case *ast.KeyValueExpr:
		if isCode(lastName(n.Key)) {
			c.note(n.Value)
		}
	case *ast.AssignStmt:
		for i, to := range n.Lhs {
			if isCode(lastName(to)) && len(n.Lhs) == len(n.Rhs) {
				c.note(n.Rhs[i])
			}
		}
	case *ast.ReturnStmt:
		if at, ok := c.returns[c.local(c.function.Name.Name)]; ok && at < len(n.Results) {
			c.note(n.Results[at])
		}
	}
	return true
}

func (c *faultCodes) note(e ast.Expr) {
	text, ok := literal(e)
	if !ok {
		text = c.consts[c.local(lastName(e))] // else it comes from where it is found by itself
	}
	if c.kebab.MatchString(text) {
		c.found[text] = c.in
	}
}

func literal(e ast.Expr) (string, bool) {
	if l, ok := e.(*ast.BasicLit); ok && l.Kind == token.STRING {
		text, err := strconv.Unquote(l.Value)
		return text, err == nil
	}
	return "", false
}

// lastName is the last name in an expression, "" for none.
func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// Every code that a user can meet is explained by `gal-pkg help errors/CODE`. Codes of gal-registry alone are not ours.
func TestEveryErrorCodeIsExplained(t *testing.T) {
	known, _ := explanations()
	found := findFaultCodes(t)
	for _, code := range slices.Sorted(maps.Keys(found)) {
		if !slices.Contains(known, code) && !slices.Contains(notForUsers(), code) {
			t.Errorf("%s: the error code %q is not in help/errors.txt", found[code], code)
		}
	}
	for _, code := range []string{"download-failed", "network-unreachable", "response-too-large", "bad-config", "toml-syntax", "interrupted", "archive-unsafe"} {
		if found[code] == "" {
			t.Errorf("%q is not found in the sources", code)
		}
	}
	if len(found) < 200 {
		t.Errorf("only %d error codes were found in the sources", len(found))
	}
}
