package universe

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
)

// tarball packs files below one top folder, as npm and Cargo have it.
func tarball(top string, files ...entry) ([]byte, error) {
	var out bytes.Buffer
	packed, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	writer := tar.NewWriter(packed)
	for _, f := range files {
		if err := writer.WriteHeader(&tar.Header{Name: top + "/" + f.path, Mode: 0o644, Size: int64(len(f.data))}); err != nil {
			return nil, err
		}
		if _, err := writer.Write(f.data); err != nil {
			return nil, err
		}
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	if err := packed.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// with returns the payload behind a manifest.
func (r *rendering) with(path string, manifest []byte) []entry {
	return append([]entry{{path, manifest}}, r.files...)
}
