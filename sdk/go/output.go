package whiskers

import (
	"fmt"
	"time"
)

const (
	batchBytes = 64 * 1024
	batchTime  = time.Second
	// Most runs of small raw files give no more.
	firstBatchBytes = 8 * 1024
)

// Output takes what a normalizer yields and sends it on while it runs, in frames of about 64 KiB.
type Output struct {
	stream  *stream
	run     uint32
	encoder encoder
	// A frame: room for its header, then records.
	batch  []byte
	sentAt time.Time
	count  int
	failed *failure
}

func newOutput(s *stream, run uint32) *Output {
	return &Output{stream: s, run: run, encoder: newEncoder(), batch: make([]byte, headerBytes, firstBatchBytes), sentAt: time.Now()}
}

// Yield gives one record: an Object, Record, Declaration, Affirmation, ScanProfile or DerivedRaw. It waits while the
// host is busy. One that cannot be written fails the run, whatever the normalizer returns; what follows is dropped.
func (o *Output) Yield(record any) {
	if o.failed != nil {
		return
	}
	line, err := o.encoder.encode(record)
	if err != nil {
		o.fail(fmt.Errorf("record %d cannot be written as JSON: %w", o.count, err))
		return
	}
	o.add(line)
}

// finish sends what is left, once the normalizer has yielded all.
func (o *Output) finish() *failure {
	for o.failed == nil {
		line, err := o.encoder.nextReference()
		if err != nil {
			o.fail(err)
		} else if line == nil {
			break
		} else {
			o.add(line)
		}
	}
	return o.failed
}

func (o *Output) add(line []byte) {
	if len(line)+1 > payloadMaxBytes {
		o.fail(fmt.Errorf("record %d does not fit into a frame: it has %d bytes", o.count, len(line)))
		return
	}
	if len(o.batch)-headerBytes+len(line)+1 > payloadMaxBytes {
		o.flush()
	}
	o.count++
	o.batch = append(append(o.batch, line...), '\n')
	if len(o.batch)-headerBytes >= batchBytes || time.Since(o.sentAt) >= batchTime {
		o.flush()
	}
}

func (o *Output) flush() {
	o.sentAt = time.Now()
	if len(o.batch) > headerBytes {
		o.stream.write(kindRecords, o.run, o.batch)
		o.batch = o.batch[:headerBytes]
	}
}

func (o *Output) fail(err error) {
	o.failed = failureOf(err)
}
