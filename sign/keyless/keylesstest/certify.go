package keylesstest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// certify is the certificate authority: https://github.com/sigstore/fulcio/blob/main/fulcio.proto
func (i *Instance) certify(w http.ResponseWriter, r *http.Request) {
	if i.Refuse != "" {
		http.Error(w, i.Refuse+" "+r.Header.Get("Authorization"), http.StatusForbidden)
		return
	}
	certificate, err := i.certificate(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var chain []string
	for _, der := range [][]byte{certificate, i.intermediate.Raw, i.root.Raw} {
		chain = append(chain, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	}
	reply(w, http.StatusOK, object{"signedCertificateEmbeddedSct": object{"chain": object{"certificates": chain}}})
}

// certificate checks the token and that its bearer has the key.
func (i *Instance) certificate(r *http.Request) ([]byte, error) {
	token, err := i.open(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	if err != nil {
		return nil, err
	}
	var request struct {
		PublicKeyRequest struct {
			PublicKey         struct{ Content string }
			ProofOfPossession []byte
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		return nil, err
	}
	block, _ := pem.Decode([]byte(request.PublicKeyRequest.PublicKey.Content))
	if block == nil {
		return nil, errors.New("no key")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	if digest := sha256.Sum256([]byte(token.name())); !ok || !ecdsa.VerifyASN1(key, digest[:], request.PublicKeyRequest.ProofOfPossession) {
		return nil, errors.New("no proof that the key is there")
	}
	return i.issue(token, key)
}

var (
	oidIssuerV1 = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 1}
	oidIssuerV2 = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 8}
	oidSCTList  = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2}
)

// issue makes the certificate twice: without the stamp of the transparency log, which is what the log signs, and with it.
func (i *Instance) issue(token claims, key crypto.PublicKey) ([]byte, error) {
	issuer, err := asn1.MarshalWithParams(token.Issuer, "utf8")
	if err != nil {
		return nil, err
	}
	from := time.Now().Add(i.Late - time.Minute)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		NotBefore:    from, NotAfter: from.Add(10 * time.Minute),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		ExtraExtensions: []pkix.Extension{{Id: oidIssuerV1, Value: []byte(token.Issuer)}, {Id: oidIssuerV2, Value: issuer}},
	}
	if token.Email != "" {
		template.EmailAddresses = []string{token.Email}
	} else {
		subject, err := url.Parse(token.Subject)
		if err != nil {
			return nil, err
		}
		template.URIs = []*url.URL{subject}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, i.intermediate, key, i.intermediateKey)
	if err != nil || i.NoStamp {
		return der, err
	}
	before, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	stamp, err := i.signedCertificateTimestamp(before.RawTBSCertificate)
	if err != nil {
		return nil, err
	}
	template.ExtraExtensions = append(template.ExtraExtensions, pkix.Extension{Id: oidSCTList, Value: stamp})
	return x509.CreateCertificate(rand.Reader, template, i.intermediate, key, i.intermediateKey)
}

// signedCertificateTimestamp returns the value of the extension: RFC 6962, 3.2 and 3.3.
func (i *Instance) signedCertificateTimestamp(tbs []byte) ([]byte, error) {
	at := binary.BigEndian.AppendUint64(nil, uint64(time.Now().UnixMilli()))
	issuer := sha256.Sum256(i.intermediate.RawSubjectPublicKeyInfo)
	signed := append([]byte{0, 0}, at...) // version 1, certificate_timestamp
	signed = append(signed, 0, 1)         // precert_entry
	signed = append(signed, issuer[:]...)
	signed = append(signed, byte(len(tbs)>>16), byte(len(tbs)>>8), byte(len(tbs)))
	signed = append(append(signed, tbs...), 0, 0) // no extensions
	digest := sha256.Sum256(signed)
	signature, err := ecdsa.SignASN1(rand.Reader, i.ctKey, digest[:])
	if err != nil {
		return nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(i.ctKey.Public())
	if err != nil {
		return nil, err
	}
	id := sha256.Sum256(spki)
	stamp := append([]byte{0}, id[:]...)
	stamp = append(append(stamp, at...), 0, 0, 4, 3) // no extensions; SHA-256, ECDSA
	stamp = append(binary.BigEndian.AppendUint16(stamp, uint16(len(signature))), signature...)
	list := append(binary.BigEndian.AppendUint16(nil, uint16(len(stamp))), stamp...)
	return asn1.Marshal(append(binary.BigEndian.AppendUint16(nil, uint16(len(list))), list...))
}
