package main

import (
	"bytes"
	"embed"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/manifest"
)

// topics are the texts of help, one file a topic; errors.txt explains the codes of errors.
//
//go:embed help/*.txt
var topics embed.FS

type helpCmd struct {
	Topic []string `arg:"" optional:"" help:"A command, a topic, or errors/CODE."`
}

func (helpCmd) Help() string {
	return `Explains a command, a topic, or the code of an error.

TOPICS
  ` + strings.Join(topicNames(), "\n  ") + `

EXAMPLES
  gal-pkg help install
  gal-pkg help registries
  gal-pkg help errors/checksum-mismatch`
}

// helpResult is the document of help.
type helpResult struct {
	Topic string `json:"topic"`
	Text  string `json:"text"`
}

func (c *helpCmd) Run(a *app) error {
	topic := strings.Join(c.Topic, " ")
	text, err := c.text(a, topic)
	if err != nil {
		return err
	}
	return a.Result("help", helpResult{topic, text}, func(w io.Writer) { io.WriteString(w, text) })
}

func (c *helpCmd) text(a *app, topic string) (string, error) {
	if code, ok := strings.CutPrefix(topic, "errors/"); ok {
		return explainCode(code)
	}
	if topic == "exit-codes" {
		return exitCodes, nil
	}
	if text, err := topics.ReadFile("help/" + topic + ".txt"); err == nil && topic != "errors" {
		return string(text), nil
	}
	if usage, ok := commandUsage(a.kong.Kong, c.Topic); ok {
		if topic == "" {
			usage += "\nTopics of gal-pkg help:\n  " + strings.Join(topicNames(), "\n  ") + "\n"
		}
		return usage, nil
	}
	err := fault.New(fault.Usage, "no-topic", "there is no help about %q", topic)
	for _, similar := range manifest.Suggest(topic, append(topicNames(), commandNames(a.kong.Kong)...)) {
		err.WithHelp("gal-pkg help %s", similar)
	}
	return "", err.WithHelp("gal-pkg help")
}

// topicNames lists the topics, sorted.
func topicNames() []string {
	names := []string{"exit-codes", "errors/CODE"}
	// An embedded folder that is there cannot fail to be read.
	files, _ := topics.ReadDir("help")
	for _, f := range files {
		if name := strings.TrimSuffix(f.Name(), ".txt"); name != "errors" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// commandUsage is what COMMAND --help prints, for the program itself where there is no command.
func commandUsage(k *kong.Kong, command []string) (string, bool) {
	trace, err := kong.Trace(k, command)
	if err != nil || trace.Error != nil && trace.Selected() == nil && len(command) > 0 {
		return "", false
	}
	if len(command) > 0 && trace.Selected() == nil {
		return "", false
	}
	var out bytes.Buffer
	stdout := k.Stdout
	k.Stdout = &out
	err = trace.PrintUsage(false)
	k.Stdout = stdout
	return out.String(), err == nil
}

func commandNames(k *kong.Kong) []string {
	var names []string
	for _, n := range k.Model.Children {
		names = append(names, n.Name)
	}
	return names
}

// explainCode returns what errors.txt says of a code.
func explainCode(code string) (string, error) {
	codes, text := explanations()
	if t, ok := text[code]; ok && code != "" {
		return fmt.Sprintf("error[%s]\n%s", code, t), nil
	}
	err := fault.New(fault.Usage, "no-topic", "there is no error code %q", code)
	for _, similar := range manifest.Suggest(code, codes) {
		err.WithHelp("gal-pkg help errors/%s", similar)
	}
	return "", err.WithFact("codes: %s", strings.Join(codes, ", "))
}

// explanations reads errors.txt: lines of codes, and below each what they mean, indented.
func explanations() (codes []string, text map[string]string) {
	data, _ := topics.ReadFile("help/errors.txt")
	text = map[string]string{}
	var current []string
	for line := range strings.Lines(string(data)) {
		if !strings.HasPrefix(line, " ") {
			current = strings.Fields(line)
			codes = append(codes, current...)
			continue
		}
		for _, code := range current {
			text[code] += line
		}
	}
	slices.Sort(codes)
	return codes, text
}
