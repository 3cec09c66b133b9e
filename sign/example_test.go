package sign_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"github.com/geeknik/gal-pkg/sign"
)

func Example() {
	// A real key comes from crypto/rand.Reader, and signatures are randomised with it too.
	seed := sha256.Sum256([]byte("gal-pkg worked vector"))
	key, err := sign.Generate(bytes.NewReader(seed[:]))
	if err != nil {
		fmt.Println(err)
		return
	}
	claim := sign.Claim{
		Registry:   "packages.gal-lang.org",
		Path:       "index/ht/tp/http-client",
		Event:      sign.Yank,
		Subject:    "http-client",
		Version:    "1.4.0",
		LineDigest: "a0cbc62d05a6413d1a7de32f7623cf157c99e0b77aa62e7585cb6f5cc691557d",
	}
	signature, err := key.Sign(nil, claim)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("key:", key.Public().Hint())
	fmt.Println("valid:", sign.Verify(key.Public(), claim, signature))

	claim.Version = "1.4.1"
	fmt.Println("for another version:", sign.Verify(key.Public(), claim, signature))
	// Output:
	// key: XFUQjL+dX14XyhDlsCLyo5fVxsD1RZN6/iMM06/BZMI=
	// valid: <nil>
	// for another version: SECURITY: the signature on yank of `http-client 1.4.1` is not valid
}
