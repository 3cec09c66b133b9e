package web

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
)

// Identity is the certificate of a client, in PEM files of at most 1 MiB. It is shown to its origin ("https://host:port", the
// port only where it is not the scheme's own) and to nobody else, also not after a redirect or to a proxy on the way: it says
// who the user is.
type Identity struct {
	Origin   string
	CertFile string
	KeyFile  string // "" where the key is in CertFile
}

// identified is a transport that shows a certificate.
func identified(t *http.Transport, id Identity, now time.Time) (*http.Transport, error) {
	key := id.KeyFile
	if key == "" {
		key = id.CertFile
	}
	certificate, err := loadIdentity(id.CertFile, key, now)
	if err != nil {
		return nil, fault.New(fault.Manifest, "bad-client-certificate", "the client certificate %q for %s cannot be used", id.CertFile, id.Origin).Because(err)
	}
	t = t.Clone()
	t.TLSClientConfig.Certificates = []tls.Certificate{certificate}
	return t, nil
}

// tunnelled is a transport for requests through a proxy that is reached over TLS. It dials nobody else itself, and shows the
// proxy no certificate; what is behind it sees that of t.
func tunnelled(t *http.Transport) *http.Transport {
	t = t.Clone()
	dial, toProxy := t.DialContext, t.TLSClientConfig.Clone()
	toProxy.Certificates, toProxy.NextProtos = nil, nil // it is spoken to in HTTP/1.1
	t.DialTLSContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		config := toProxy.Clone()
		config.ServerName, _, _ = net.SplitHostPort(address)
		return tls.Client(conn, config), nil // with which the transport shakes hands
	}
	return t
}

// loadIdentity reads a certificate and its key, in words for whoever mixed files up.
func loadIdentity(certFile, keyFile string, now time.Time) (tls.Certificate, error) {
	cert, err := readPEM(certFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := readPEM(keyFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	switch {
	case bytes.Contains(key, []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----")), bytes.Contains(key, []byte("Proc-Type: 4,ENCRYPTED")):
		return tls.Certificate{}, errors.New("its key is encrypted; openssl pkey -in KEY -out NEW writes one that is not")
	case !bytes.Contains(cert, []byte("-----BEGIN CERTIFICATE-----")):
		return tls.Certificate{}, errors.New("there is no certificate in it, as PEM")
	case !bytes.Contains(key, []byte("PRIVATE KEY-----")):
		return tls.Certificate{}, fmt.Errorf("there is no private key in %s, as PEM", keyFile)
	}
	pair, err := tls.X509KeyPair(cert, key)
	switch {
	case err != nil:
		return pair, errors.New(strings.TrimPrefix(err.Error(), "tls: "))
	case now.After(pair.Leaf.NotAfter):
		return pair, fmt.Errorf("it has expired on %s", pair.Leaf.NotAfter.UTC().Format(time.DateOnly))
	case now.Before(pair.Leaf.NotBefore):
		return pair, fmt.Errorf("it is not valid before %s", pair.Leaf.NotBefore.UTC().Format(time.DateOnly))
	}
	return pair, nil
}

// maxPEM bounds the files of a certificate and its key, in bytes.
const maxPEM = 1 << 20

func readPEM(path string) ([]byte, error) {
	f, err := atomicfile.OpenRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return atomicfile.ReadFrom(f, maxPEM)
}

// certificateRefused explains the alert with which a host ends a connection because of the client's certificate, nil for
// any other error. Another attempt would end like this one.
func certificateRefused(target, at string, err error) *fault.Error {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" || op.Err == nil {
		return nil
	}
	var e *fault.Error
	switch alert := op.Err.Error(); alert {
	case "tls: certificate required":
		e = fault.New(fault.Auth, "client-certificate", "%s asks for a client certificate", place(target, at))
	case "tls: bad certificate", "tls: unsupported certificate", "tls: revoked certificate", "tls: expired certificate", "tls: unknown certificate",
		"tls: unknown certificate authority", "tls: access denied":
		e = fault.New(fault.Auth, "client-certificate", "%s does not take our client certificate: it says %s", place(target, at), strings.TrimPrefix(alert, "tls: "))
	default:
		return nil
	}
	return e.WithFact("url %s", Redact(at)).WithHelp("set client_cert and client_key of the registry in registries.toml")
}
