//go:build whiskers_reactor

package whiskers

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"runtime"
)

// roomBytes is what most runs allocate.
const roomBytes = 1024 * 1024

// Every run begins with memory as it is after this, which Whiskers keeps: what is made here, no run has to make. So the
// heap has room, and there was a run, of nothing.
func init() {
	room := make([]byte, roomBytes)
	runtime.KeepAlive(room)
	runtime.GC()
	input := append(frame(kindRun, warmRun), frame(kindRaw, "")...)
	s := &stream{input: bufio.NewReaderSize(bytes.NewReader(input), len(input)), output: io.Discard}
	if err := serve(s, warmNormalizer, false); err != nil {
		panic(err)
	}
}

const warmRun = `{"meta":{"id":"","raw_data":{"id":"","boefje_meta":{"id":"","boefje":{"id":"","version":null},` +
	`"input_ooi":"","arguments":{"input":{"list":[1,true,null,""]}},"organization":""},"mime_types":[{"value":""}]},` +
	`"normalizer":{"id":"","version":null},"started_at":"","ended_at":null},"raws":[]}`

func frame(kind byte, payload string) []byte {
	frame := make([]byte, headerBytes, headerBytes+len(payload))
	binary.BigEndian.PutUint32(frame, uint32(len(payload)))
	frame[4] = kind
	return append(frame, payload...)
}

func warmNormalizer(_ *Meta, _ []byte, out *Output) error {
	out.Yield(&Hostname{Network: &Network{Name: "é"}})
	out.Yield(Record{"number": 1.5})
	Info("%d %s %v", 1, "", []string{""})
	return nil
}
