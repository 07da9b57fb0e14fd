package whiskers

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"sync"
)

// Frames of the guest protocol, version 1: protocol/README.md.
const (
	kindRun     = 0x01
	kindRaw     = 0x02
	kindReady   = 0x10
	kindRecords = 0x11
	kindLog     = 0x12
	kindDone    = 0x13
	kindFailed  = 0x14

	headerBytes     = 9
	payloadMaxBytes = 16 * 1024 * 1024
)

// Exit statuses, as in sysexits.h.
const (
	exitBadInput = 65
	exitHostGone = 74
)

// badInput: the host sent what the guest does not understand.
type badInput string

func (e badInput) Error() string { return string(e) }

type header struct {
	length uint32
	kind   byte
	run    uint32
}

// stream is the protocol's: frames in, frames out. Goroutines of a normalizer may log while it yields.
type stream struct {
	input  *bufio.Reader
	lock   sync.Mutex
	output io.Writer
}

// send writes one frame whole, and waits for a host that is busy. A host that is gone ends the process.
func (s *stream) send(kind byte, run uint32, payload []byte) {
	s.write(kind, run, append(make([]byte, headerBytes, headerBytes+len(payload)), payload...))
}

// write sends a frame that has room for its header.
func (s *stream) write(kind byte, run uint32, frame []byte) {
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-headerBytes))
	frame[4] = kind
	binary.BigEndian.PutUint32(frame[5:], run)
	s.lock.Lock()
	defer s.lock.Unlock()
	if _, err := s.output.Write(frame); err != nil {
		os.Exit(exitHostGone)
	}
}

// header of the next frame; io.EOF at the end of the stream.
func (s *stream) header() (header, error) {
	var bytes [headerBytes]byte
	if _, err := io.ReadFull(s.input, bytes[:]); err == io.EOF {
		return header{}, io.EOF
	} else if err != nil {
		return header{}, badInput("the stream ended inside a header")
	}
	head := header{binary.BigEndian.Uint32(bytes[:]), bytes[4], binary.BigEndian.Uint32(bytes[5:])}
	if head.length > payloadMaxBytes {
		return header{}, badInput(fmt.Sprintf("a frame of %d bytes", head.length))
	}
	return head, nil
}

func (s *stream) fill(target []byte) error {
	if _, err := io.ReadFull(s.input, target); err != nil {
		return badInput("the stream ended inside a frame")
	}
	return nil
}
