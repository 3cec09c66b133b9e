package listing

import (
	"fmt"

	"github.com/klauspost/compress/zstd"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// coder packs and unpacks frames. It is not for use by several goroutines at once.
type coder struct {
	encoder *zstd.Encoder
	decoder *zstd.Decoder
}

// pack returns the frame of a text.
func (c *coder) pack(text []byte) ([]byte, error) {
	if c.encoder == nil {
		// Hexadecimal digits of digests have no repetitions: what there is to gain is that a digit has four bits.
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
		if err != nil {
			return nil, err
		}
		c.encoder = e
	}
	return c.encoder.EncodeAll(text, nil), nil
}

// unpack returns the text of a frame that has a digest that somebody vouched for; even so, neither may pass the limit.
func (c *coder) unpack(frame []byte, limit int) ([]byte, error) {
	if len(frame) > limit {
		return nil, fmt.Errorf("it is longer than %d bytes", limit)
	}
	if c.decoder == nil {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxShard), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		c.decoder = d
	}
	text, err := c.decoder.DecodeAll(frame, nil)
	if err != nil {
		return nil, err
	}
	if len(text) > limit {
		return nil, fmt.Errorf("its text is longer than %d bytes", limit)
	}
	return text, nil
}

func malformed(what string, err error) *fault.Error {
	return fault.New(fault.Integrity, "metadata-malformed", "SECURITY: the registry's %s is not a list that a registry writes", what).
		WithFact("%v", err).
		WithHelp("gal-pkg registry list --check")
}

func mismatch(what string, want, got File) *fault.Error {
	err := fault.New(fault.Integrity, "metadata-mismatch", "SECURITY: the registry's %s is not the one that its metadata names", what).
		WithHelp("try later: the host may have shown files of two states; tell the registry's operator if it stays so")
	if got.Length != want.Length {
		err.WithFact("expected %d bytes", want.Length).WithFact("actual   %d bytes", got.Length)
	}
	return err.WithFact("expected sha256:%x", want.SHA256).WithFact("actual   sha256:%x", got.SHA256)
}
