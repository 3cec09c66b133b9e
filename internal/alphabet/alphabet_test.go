package alphabet_test

import (
	"testing"

	"github.com/geeknik/gal-pkg/internal/alphabet"
)

func TestIs(t *testing.T) {
	for _, row := range []struct {
		text string
		want bool
	}{
		{"ab1", true}, {"abc-d", true}, {"ab", false}, {"abcdef", false}, {"1bc", false}, {"a c", false}, {"abé", false}, {"", false}, {"ab\n", false},
	} {
		if got := alphabet.Is(row.text, 3, 5, alphabet.Lower, alphabet.Lower+alphabet.Digits+"-"); got != row.want {
			t.Errorf("Is(%q) = %v", row.text, got)
		}
	}
}
