package sign

import (
	"bytes"
	"testing"
)

// The examples of https://github.com/secure-systems-lab/dsse/blob/master/protocol.md, and an empty payload.
func TestPAE(t *testing.T) {
	for _, row := range []struct{ payloadType, payload, want string }{
		{"http://example.com/HelloWorld", "hello world", "DSSEv1 29 http://example.com/HelloWorld 11 hello world"},
		{"", "", "DSSEv1 0  0 "},
		{"\u00e9", "\u00e9", "DSSEv1 2 \u00e9 2 \u00e9"}, // lengths are of bytes
	} {
		if got := string(encodePAE(row.payloadType, []byte(row.payload))); got != row.want {
			t.Errorf("got %q, want %q", got, row.want)
		}
	}
}

// Two pairs have the same encoding only where they are the same pair.
func FuzzPAEInjective(f *testing.F) {
	f.Add("a", []byte("b"), "a", []byte("b"))
	f.Add("a 1 b", []byte("c"), "a", []byte("b 1 c"))
	f.Add("", []byte("0 "), " 0 ", []byte{})
	f.Fuzz(func(t *testing.T, type1 string, payload1 []byte, type2 string, payload2 []byte) {
		same := type1 == type2 && bytes.Equal(payload1, payload2)
		if bytes.Equal(encodePAE(type1, payload1), encodePAE(type2, payload2)) != same {
			t.Errorf("(%q, %q) and (%q, %q)", type1, payload1, type2, payload2)
		}
	})
}
