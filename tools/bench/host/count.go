package host

import (
	"net"
	"sync"
)

// Counts are what a server has done since a moment.
type Counts struct {
	Requests    int
	Connections int
	AtOnce      int   // the most requests that were under way together
	Sent        int64 // bytes, headers and all
	Received    int64
}

type counter struct {
	mu       sync.Mutex
	counts   Counts
	underWay int
}

func (c *counter) reset() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := c.counts
	c.counts = Counts{}
	return counts
}

// begin counts a request; the function it returns ends it.
func (c *counter) begin() (end func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts.Requests++
	c.underWay++
	c.counts.AtOnce = max(c.counts.AtOnce, c.underWay)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.underWay--
	}
}

func (c *counter) add(connections int, sent, received int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts.Connections += connections
	c.counts.Sent += int64(sent)
	c.counts.Received += int64(received)
}

type countingListener struct {
	net.Listener
	counter *counter
}

func (l *countingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.counter.add(1, 0, 0)
	return &countingConn{conn, l.counter}, nil
}

type countingConn struct {
	net.Conn
	counter *counter
}

func (c *countingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.counter.add(0, 0, n)
	return n, err
}

func (c *countingConn) Write(p []byte) (int, error) {
	c.counter.add(0, len(p), 0) // before: who has read all of it may ask for the count at once
	n, err := c.Conn.Write(p)
	c.counter.add(0, n-len(p), 0)
	return n, err
}
