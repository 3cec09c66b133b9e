package sign

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/geeknik/gal-pkg/sign/translog"
)

// BundleMediaType is the type of the bundles that Bundle writes.
const BundleMediaType = "application/vnd.dev.sigstore.bundle.v0.3+json"

// BundleSuffix is what the name of an archive's bundle adds to that of the archive.
const BundleSuffix = ".sigstore.json"

// LogEntry is a place in a transparency log, with the proof for it.
type LogEntry struct {
	Log        translog.Verifier // key of the log
	Checkpoint []byte            // signed checkpoint, of the tree that Proof is about
	Proof      translog.Proof    // inclusion of the signature's leaf
}

// The JSON names are those of protobuf-specs: sigstore_bundle.proto, sigstore_rekor.proto, envelope.proto. There,
// integers of 64 bits are strings and bytes are standard base64, as encoding/json makes them.
type bundleJSON struct {
	MediaType            string       `json:"mediaType"`
	VerificationMaterial materialJSON `json:"verificationMaterial"`
	DSSEEnvelope         envelopeJSON `json:"dsseEnvelope"`
}

type materialJSON struct {
	PublicKey   hintJSON        `json:"publicKey"`
	TlogEntries []tlogEntryJSON `json:"tlogEntries,omitempty"`
}

type hintJSON struct {
	Hint string `json:"hint"`
}

type envelopeJSON struct {
	Payload     []byte          `json:"payload"`
	PayloadType string          `json:"payloadType"`
	Signatures  []signatureJSON `json:"signatures"`
}

type signatureJSON struct {
	Sig string `json:"sig"`
}

type tlogEntryJSON struct {
	LogIndex          string    `json:"logIndex"`
	LogID             keyIDJSON `json:"logId"`
	KindVersion       kindJSON  `json:"kindVersion"`
	InclusionProof    proofJSON `json:"inclusionProof"`
	CanonicalizedBody []byte    `json:"canonicalizedBody"`
}

type keyIDJSON struct {
	KeyID []byte `json:"keyId"`
}

type kindJSON struct {
	Kind    string `json:"kind"`
	Version string `json:"version"`
}

type proofJSON struct {
	LogIndex   string         `json:"logIndex"`
	RootHash   []byte         `json:"rootHash"`
	TreeSize   string         `json:"treeSize"`
	Hashes     [][]byte       `json:"hashes"`
	Checkpoint checkpointJSON `json:"checkpoint"`
}

type checkpointJSON struct {
	Envelope string `json:"envelope"`
}

// Bundle writes a signature on c as a Sigstore bundle v0.3: a DSSE envelope, the key's hint and, unless entry is nil, the
// place in the log. Signature and proof are verified first, so that no bundle is written that others must refuse. The
// same input gives the same bytes.
//
// `cosign verify-blob-attestation --key FILE.pub --bundle B --type TYPE ARCHIVE` accepts it, with an entry together with
// `--trusted-root` of [FormatTrustedRoot]; TYPE is [Claim.PredicateType].
//
// Errors: those of [Verify], [translog.OpenCheckpoint] and [translog.Proof.Check].
func Bundle(c Claim, pub PublicKey, signature string, entry *LogEntry) ([]byte, error) {
	if err := Verify(pub, c, signature); err != nil {
		return nil, err
	}
	bundle := bundleJSON{
		MediaType:            BundleMediaType,
		VerificationMaterial: materialJSON{PublicKey: hintJSON{Hint: pub.Hint()}},
		DSSEEnvelope: envelopeJSON{
			Payload:     c.Payload(),
			PayloadType: PayloadType,
			Signatures:  []signatureJSON{{Sig: signature}},
		},
	}
	if entry != nil {
		body, err := LeafBody(pub, c.PAE(), signature)
		if err != nil {
			return nil, err
		}
		place, err := entry.json(body)
		if err != nil {
			return nil, err
		}
		bundle.VerificationMaterial.TlogEntries = []tlogEntryJSON{place}
	}
	return encodeJSON(bundle)
}

func (e *LogEntry) json(body []byte) (tlogEntryJSON, error) {
	checkpoint, err := translog.OpenCheckpoint(e.Checkpoint, e.Log.Origin(), e.Log)
	if err != nil {
		return tlogEntryJSON{}, err
	}
	if err := e.Proof.Check(checkpoint, translog.HashLeaf(body)); err != nil {
		return tlogEntryJSON{}, err
	}
	hashes := make([][]byte, 0, len(e.Proof.Hashes))
	for _, h := range e.Proof.Hashes {
		hashes = append(hashes, h[:])
	}
	id := e.Log.ID()
	index := strconv.FormatInt(e.Proof.Index, 10)
	return tlogEntryJSON{
		LogIndex:    index,
		LogID:       keyIDJSON{KeyID: id[:]},
		KindVersion: kindJSON{Kind: "hashedrekord", Version: "0.0.2"},
		InclusionProof: proofJSON{
			LogIndex:   index,
			RootHash:   checkpoint.Root[:],
			TreeSize:   strconv.FormatInt(checkpoint.Size, 10),
			Hashes:     hashes,
			Checkpoint: checkpointJSON{Envelope: string(e.Checkpoint)},
		},
		CanonicalizedBody: body,
	}, nil
}

// encodeJSON writes v on one line, with one LF at its end.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, fmt.Errorf("encoding: %w", err)
	}
	return b.Bytes(), nil
}
