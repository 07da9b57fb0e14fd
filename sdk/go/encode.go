package whiskers

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"time"
)

// encoder turns what one run's normalizer yields into JSON, one record a line. References by object become links.
// encoding/json writes what is not plain: the same text, at many times the cost.
type encoder struct {
	text  []byte
	err   error
	known map[Object]place
	// In the order in which they were referred to.
	mentioned []Object
}

// place of an object in this output.
type place struct {
	number  int
	defined bool
}

func newEncoder() encoder {
	return encoder{known: map[Object]place{}}
}

// encode gives one record as JSON, without a line break. The text is good until the next call.
func (e *encoder) encode(record any) ([]byte, error) {
	e.text, e.err = e.text[:0], nil
	switch given := record.(type) {
	case Object:
		e.object(given)
	case Record:
		e.plain(given)
	case map[string]any:
		e.plain(given)
	case Declaration:
		e.holding("declaration", given.Object)
		if given.EndValidTime != nil {
			e.raw(`,"end_valid_time":"`)
			e.text = given.EndValidTime.UTC().AppendFormat(e.text, time.RFC3339Nano)
			e.raw(`"`)
		}
		e.raw("}")
	case Affirmation:
		e.holding("affirmation", given.Object)
		e.raw("}")
	case ScanProfile:
		e.plain(Record{"record_type": "scan_profile", "reference": given.Reference, "level": given.Level})
	case DerivedRaw:
		content := base64.StdEncoding.EncodeToString(given.Content)
		e.plain(Record{"record_type": "raw", "mime_types": given.MimeTypes, "content": content})
	default:
		e.err = fmt.Errorf("a record is a pointer to an object, a Record or one of the other records, not %T", record)
	}
	return e.text, e.err
}

// nextReference names one object that was only referred to; nil: there are no more. Writing one may refer to more.
func (e *encoder) nextReference() ([]byte, error) {
	e.text, e.err = e.text[:0], nil
	for len(e.mentioned) > 0 {
		object := e.mentioned[0]
		e.mentioned = e.mentioned[1:]
		if !e.known[object].defined {
			e.holding("reference", object)
			e.raw("}")
			return e.text, e.err
		}
	}
	return nil, nil
}

func (e *encoder) holding(kind string, object Object) {
	e.raw(`{"record_type":"`)
	e.raw(kind)
	e.raw(`","object":`)
	e.object(object)
}

// object writes one; with $id the first time, since others may refer to it later.
func (e *encoder) object(object Object) {
	at := e.place(object)
	e.raw("{")
	if !at.defined {
		e.known[object] = place{at.number, true}
		e.raw(`"$id":"~`)
		e.text = strconv.AppendInt(e.text, int64(at.number), 10)
		e.raw(`",`)
	}
	e.raw(`"object_type":"`)
	e.raw(object.ObjectType())
	e.raw(`"`)
	object.writeFields(e)
	e.raw("}")
}

func (e *encoder) plain(record Record) {
	names := make([]string, 0, len(record))
	for name := range record {
		names = append(names, name)
	}
	sort.Strings(names)
	e.raw("{")
	for index, name := range names {
		if index > 0 {
			e.raw(",")
		}
		e.string(name)
		e.raw(":")
		e.value(name, record[name])
	}
	e.raw("}")
}

// field writes one more of an object's.
func (e *encoder) field(name string, value any) {
	e.name(name)
	e.value(name, value)
}

func (e *encoder) textField(name, value string) {
	e.name(name)
	e.string(value)
}

func (e *encoder) integerField(name string, value int64) {
	e.name(name)
	e.text = strconv.AppendInt(e.text, value, 10)
}

func (e *encoder) name(name string) {
	e.raw(`,"`)
	e.raw(name)
	e.raw(`":`)
}

// value writes any; `name` is the field's, for errors.
func (e *encoder) value(name string, value any) {
	switch given := value.(type) {
	case string:
		e.string(given)
	case Key:
		e.string(string(given))
	case int:
		e.text = strconv.AppendInt(e.text, int64(given), 10)
	case Object:
		e.link(given)
	default:
		text, err := marshal(value)
		if err != nil && e.err == nil {
			e.err = fmt.Errorf("field %s: %w", name, err)
		}
		e.text = append(e.text, text...)
	}
}

func (e *encoder) link(object Object) {
	at := e.place(object)
	if !at.defined {
		e.mentioned = append(e.mentioned, object)
	}
	e.raw(`{"$ref":"#~`)
	e.text = strconv.AppendInt(e.text, int64(at.number), 10)
	e.raw(`"}`)
}

// place numbers objects. Ids that a normalizer writes by hand are unlikely to look like `~1`.
func (e *encoder) place(object Object) place {
	at, known := e.known[object]
	if !known {
		at.number = len(e.known) + 1
		e.known[object] = at
	}
	return at
}

func (e *encoder) raw(text string) { e.text = append(e.text, text...) }

func (e *encoder) string(value string) { e.text = appendString(e.text, value) }

// appendString writes a text as JSON.
func appendString(text []byte, value string) []byte {
	for i := 0; i < len(value); i++ {
		if c := value[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return append(text, mustMarshal(value)...)
		}
	}
	text = append(text, '"')
	text = append(text, value...)
	return append(text, '"')
}

// marshal writes JSON as it is, without the escapes that HTML wants.
func marshal(value any) ([]byte, error) {
	var text bytes.Buffer
	writer := json.NewEncoder(&text)
	writer.SetEscapeHTML(false)
	err := writer.Encode(value)
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), err
}

func mustMarshal(value any) []byte {
	text, err := marshal(value)
	if err != nil {
		panic(err)
	}
	return text
}
