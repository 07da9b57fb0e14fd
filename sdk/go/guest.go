// Package whiskers runs a normalizer in Whiskers: the guest's side of the guest protocol, version 1.
//
//	loading ──ready──▶ waiting ──run──▶ working ──done|failed──▶ waiting (after ready) or exit
//	                      └──end of input──▶ exit 0
package whiskers

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
)

const version = "0.1.0"

// Normalizer is what the author writes. Raw is the first raw file. What it yields counts when it returns nil.
type Normalizer func(meta *Meta, raw []byte, out *Output) error

// Serve is all that main does. It runs the normalizer as often as the host asks, and returns when there is
// nothing left to do. Standard output becomes the log: the protocol moves to a descriptor of its own.
func Serve(normalizer Normalizer) {
	s, err := takeStream()
	if err == nil {
		err = serve(s, normalizer, os.Getenv("WHISKERS_STATE") == "reuse")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "whiskers:", err)
		os.Exit(exitBadInput)
	}
}

func serve(s *stream, normalizer Normalizer, reuse bool) error {
	s.send(kindReady, 0, ready())
	for {
		run, meta, raws, err := nextRun(s)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		work(s, normalizer, run, meta, raws)
		if !reuse {
			return nil
		}
		s.send(kindReady, 0, []byte("{}"))
	}
}

func ready() []byte {
	return mustMarshal(map[string]any{
		"protocols": []int{1},
		"sdk":       map[string]string{"name": "whiskers-go", "version": version},
		"language":  map[string]string{"name": "go", "version": strings.TrimPrefix(runtime.Version(), "go")},
		"fork":      false,
	})
}

// nextRun waits for the next run and reads all of its input; io.EOF: there are no more.
func nextRun(s *stream) (uint32, *Meta, []RawFile, error) {
	head, err := s.header()
	if err != nil {
		return 0, nil, nil, err
	}
	if head.kind != kindRun {
		return 0, nil, nil, badInput(fmt.Sprintf("a frame of kind %#x instead of run", head.kind))
	}
	text := make([]byte, head.length)
	if err := s.fill(text); err != nil {
		return 0, nil, nil, err
	}
	var request struct {
		Meta json.RawMessage
		Raws []struct {
			ID        string
			Size      int
			MimeTypes []string `json:"mime_types"`
		}
	}
	if err := json.Unmarshal(text, &request); err != nil {
		return 0, nil, nil, badInput("a run that is not JSON: " + err.Error())
	}
	meta := &Meta{JSON: request.Meta}
	if err := json.Unmarshal(request.Meta, meta); err != nil {
		return 0, nil, nil, badInput("a meta that is none: " + err.Error())
	}
	for _, entry := range request.Raws {
		content, err := readRaw(s, head.run, entry.Size)
		if err != nil {
			return 0, nil, nil, err
		}
		meta.Raws = append(meta.Raws, RawFile{entry.ID, entry.MimeTypes, content})
	}
	if length, err := rawLength(s, head.run); err != nil || length != 0 {
		return 0, nil, nil, badInput("more bytes than the raw files have")
	}
	return head.run, meta, meta.Raws, nil
}

func readRaw(s *stream, run uint32, size int) ([]byte, error) {
	content := make([]byte, size)
	for at := 0; at < size; {
		length, err := rawLength(s, run)
		if err != nil {
			return nil, err
		}
		if length == 0 || at+length > size {
			return nil, badInput("a raw frame that does not fit its file")
		}
		if err := s.fill(content[at : at+length]); err != nil {
			return nil, err
		}
		at += length
	}
	return content, nil
}

func rawLength(s *stream, run uint32) (int, error) {
	head, err := s.header()
	if err != nil || head.kind != kindRaw || head.run != run {
		return 0, badInput("not the raw frame that was expected")
	}
	return int(head.length), nil
}

func work(s *stream, normalizer Normalizer, run uint32, meta *Meta, raws []RawFile) {
	out := newOutput(s, run)
	attachLog(out)
	var raw []byte
	if len(raws) > 0 {
		raw = raws[0].Content
	}
	failed := call(normalizer, meta, raw, out)
	if failed == nil {
		failed = out.finish()
	}
	out.flush()
	attachLog(nil)
	if failed == nil {
		s.send(kindDone, run, []byte(fmt.Sprintf(`{"records":%d}`, out.count)))
	} else {
		s.send(kindFailed, run, failed.payload())
	}
}

func call(normalizer Normalizer, meta *Meta, raw []byte, out *Output) (failed *failure) {
	defer func() {
		if panicked := recover(); panicked != nil {
			failed = &failure{fmt.Sprintf("panic: %T", panicked), fmt.Sprint(panicked), string(debug.Stack())}
		}
	}()
	if err := normalizer(meta, raw, out); err != nil {
		return failureOf(err)
	}
	return nil
}

// failure is what a `failed` frame says, in at most so many bytes.
type failure struct{ kind, message, stack string }

func failureOf(err error) *failure {
	return &failure{strings.TrimPrefix(fmt.Sprintf("%T", err), "*"), err.Error(), ""}
}

func (f *failure) payload() []byte {
	return mustMarshal(map[string]string{
		"type": cut(f.kind, 256), "message": cut(f.message, 4*1024), "stack": cut(f.stack, 16*1024), "reason": "raised",
	})
}

func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return text[:most]
}
