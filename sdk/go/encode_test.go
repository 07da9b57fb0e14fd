package whiskers

import (
	"math"
	"strings"
	"testing"
	"time"
)

func lines(t *testing.T, records ...any) string {
	t.Helper()
	e := newEncoder()
	var texts []string
	for _, record := range records {
		text, err := e.encode(record)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	for {
		text, err := e.nextReference()
		if err != nil {
			t.Fatal(err)
		}
		if text == nil {
			return strings.Join(texts, "\n")
		}
		texts = append(texts, string(text))
	}
}

func TestReferencesByObjectBecomeLinks(t *testing.T) {
	network := &Network{Name: "internet"}
	address := &IPAddressV4{Network: network, Address: "192.0.2.1"}
	port := &IPPort{Address: address, Protocol: "tcp", Port: 80}
	got := lines(t, port, address, address, Record{"object_type": "Hostname", "network": network, "name": "<x>"})
	want := `{"$id":"~1","object_type":"IPPort","address":{"$ref":"#~2"},"protocol":"tcp","port":80}
{"$id":"~2","object_type":"IPAddressV4","address":"192.0.2.1","network":{"$ref":"#~3"}}
{"object_type":"IPAddressV4","address":"192.0.2.1","network":{"$ref":"#~3"}}
{"name":"<x>","network":{"$ref":"#~3"},"object_type":"Hostname"}
{"record_type":"reference","object":{"$id":"~3","object_type":"Network","name":"internet"}}`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestTheOtherRecords(t *testing.T) {
	host := &Hostname{Network: Key("Network|internet"), Name: "a.b"}
	host.RegisteredDomain = host
	until := time.Unix(0, 0)
	got := lines(t, Declaration{host, &until}, Affirmation{host}, ScanProfile{host, 2}, DerivedRaw{[]byte{0, 255}, []string{"a/b"}})
	want := `{"record_type":"declaration","object":{"$id":"~1","object_type":"Hostname","network":"Network|internet","name":"a.b","registered_domain":{"$ref":"#~1"}},"end_valid_time":"1970-01-01T00:00:00Z"}
{"record_type":"affirmation","object":{"object_type":"Hostname","network":"Network|internet","name":"a.b","registered_domain":{"$ref":"#~1"}}}
{"level":2,"record_type":"scan_profile","reference":{"$ref":"#~1"}}
{"content":"AP8=","mime_types":["a/b"],"record_type":"raw"}`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestWhatJSONHasNoFormFor(t *testing.T) {
	for _, wrong := range []any{5, "text", nil, Hostname{}, Record{"a": math.NaN()}, Record{"a": func() {}}} {
		e := newEncoder()
		if text, err := e.encode(wrong); err == nil {
			t.Errorf("%v became %s", wrong, text)
		}
	}
}
