package web

import "context"

// room is what the long bodies of a client share: buffers, of which a nil one is yet to be made, and the right to have more
// of them than there are, with those that this has taken so far. Who has that right waits for nobody, so all come to an end.
type room struct {
	buffers chan []byte
	more    chan [][]byte
}

func newRoom() *room {
	r := &room{make(chan []byte, chunks), make(chan [][]byte, 1)}
	for range chunks {
		r.buffers <- nil
	}
	r.more <- nil
	return r
}

// share is what one request has of the room. It has it for all of its attempts, and so waits for nothing twice.
type share struct {
	room    *room
	buffers [][]byte // at most mostOf
	beyond  bool     // has the right to more
	more    [][]byte
	waited  bool // in this attempt
}

// take returns the i-th buffer of a body. It waits where others have them all.
func (s *share) take(ctx context.Context, i int) ([]byte, error) {
	if i >= len(s.buffers) && !s.beyond {
		if err := s.grow(ctx); err != nil {
			return nil, err
		}
	}
	list := &s.buffers
	if i >= len(s.buffers) {
		list, i = &s.more, i-len(s.buffers)
	}
	if i == len(*list) {
		*list = append(*list, nil)
	}
	if (*list)[i] == nil {
		(*list)[i] = make([]byte, maxChunk)
	}
	return (*list)[i], nil
}

// grow adds one buffer, or the right to more.
func (s *share) grow(ctx context.Context) error {
	free := s.room.buffers
	if len(s.buffers) == mostOf {
		free = nil // from which nothing comes
	}
	select {
	case b := <-free:
		s.buffers = append(s.buffers, b)
		return nil
	default:
	}
	select {
	case s.more = <-s.room.more:
		s.beyond = true
		return nil
	default:
	}
	s.waited = true
	select {
	case b := <-free:
		s.buffers = append(s.buffers, b)
	case s.more = <-s.room.more:
		s.beyond = true
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// release gives everything back.
func (s *share) release() {
	for _, b := range s.buffers {
		s.room.buffers <- b
	}
	if s.beyond {
		s.room.more <- s.more
	}
}
