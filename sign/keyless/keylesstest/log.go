package keylesstest

import (
	"crypto"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/digitorus/timestamp"

	"github.com/geeknik/gal-pkg/sign/translog"
)

func (f files) Read(path string) ([]byte, error) {
	if data, ok := f[path]; ok {
		return data, nil
	}
	return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
}

// entry is the body of a leaf; the members are in the order of canonical JSON.
const entry = `{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV002":{"data":{"algorithm":"SHA2_256","digest":"%s"},` +
	`"signature":{"content":"%s","verifier":{"keyDetails":"PKIX_ECDSA_P256_SHA_256","x509Certificate":{"rawBytes":"%s"}}}}}}`

// enter is the transparency log: https://github.com/sigstore/rekor-tiles/blob/main/api/proto/rekor/v2/rekor_service.proto
func (i *Instance) enter(w http.ResponseWriter, r *http.Request) {
	var request struct {
		HashedRekordRequestV002 struct {
			Digest    []byte
			Signature struct {
				Content  []byte
				Verifier struct {
					X509Certificate struct{ RawBytes []byte }
				}
			}
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	q := request.HashedRekordRequestV002
	text := base64.StdEncoding.EncodeToString
	body := fmt.Appendf(nil, entry, text(q.Digest), text(q.Signature.Content), text(q.Signature.Verifier.X509Certificate.RawBytes))
	place, err := i.append(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	reply(w, http.StatusCreated, place)
}

func (i *Instance) append(body []byte) (object, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	update, err := i.log.Append([][]byte{body})
	if err != nil {
		return nil, err
	}
	maps.Copy(i.files, update.Files)
	i.log = translog.Open(i.files, update.Checkpoint)
	checkpoint, err := update.Checkpoint.Sign(i.logKey)
	if err != nil {
		return nil, err
	}
	proof, err := i.log.Prove(update.Checkpoint.Size - 1)
	if err != nil {
		return nil, err
	}
	hashes := [][]byte{}
	for _, h := range proof.Hashes {
		hashes = append(hashes, h[:])
	}
	index, id := strconv.FormatInt(proof.Index, 10), i.logKey.Verifier().ID()
	return object{
		"logIndex": index, "logId": object{"keyId": id[:]}, "canonicalizedBody": body,
		"kindVersion": object{"kind": "hashedrekord", "version": "0.0.2"},
		"inclusionProof": object{
			"logIndex": index, "rootHash": update.Checkpoint.Root[:], "treeSize": strconv.FormatInt(update.Checkpoint.Size, 10),
			"hashes": hashes, "checkpoint": object{"envelope": string(checkpoint)},
		},
	}, nil
}

// stamp is the time stamp authority: RFC 3161.
func (i *Instance) stamp(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	request, err := timestamp.ParseRequest(data)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	stamp := timestamp.Timestamp{
		HashAlgorithm: request.HashAlgorithm, HashedMessage: request.HashedMessage, Time: time.Now(),
		Policy: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 2}, Nonce: request.Nonce,
	}
	answer, err := stamp.CreateResponseWithOpts(i.stampLeaf, i.stampKey, crypto.SHA256)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/timestamp-reply")
	w.WriteHeader(http.StatusCreated)
	w.Write(answer)
}
