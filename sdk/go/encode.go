package whiskers

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// encoder turns what one run's normalizer yields into JSON, one record a line. References by object become links.
type encoder struct {
	numbers map[Object]int
	defined map[Object]bool
	// In the order in which they were referred to.
	mentioned []Object
}

func newEncoder() encoder {
	return encoder{numbers: map[Object]int{}, defined: map[Object]bool{}}
}

// encode gives one record as JSON, without a line break.
func (e *encoder) encode(record any) ([]byte, error) {
	switch given := record.(type) {
	case Object:
		return e.object(given)
	case Record:
		return e.plain(given)
	case map[string]any:
		return e.plain(given)
	case Declaration:
		object, err := e.object(given.Object)
		if err != nil || given.EndValidTime == nil {
			return e.holding("declaration", object, "", err)
		}
		until := given.EndValidTime.UTC().Format(time.RFC3339Nano)
		return e.holding("declaration", object, fmt.Sprintf(`,"end_valid_time":"%s"`, until), nil)
	case Affirmation:
		object, err := e.object(given.Object)
		return e.holding("affirmation", object, "", err)
	case ScanProfile:
		return e.plain(Record{"record_type": "scan_profile", "reference": given.Reference, "level": given.Level})
	case DerivedRaw:
		content := base64.StdEncoding.EncodeToString(given.Content)
		return marshal(map[string]any{"record_type": "raw", "mime_types": given.MimeTypes, "content": content})
	default:
		return nil, fmt.Errorf("a record is a pointer to an object, a Record or one of the other records, not %T", record)
	}
}

// nextReference names one object that was only referred to; nil: there are no more. Writing one may refer to more.
func (e *encoder) nextReference() ([]byte, error) {
	for len(e.mentioned) > 0 {
		object := e.mentioned[0]
		e.mentioned = e.mentioned[1:]
		if !e.defined[object] {
			text, err := e.object(object)
			return e.holding("reference", text, "", err)
		}
	}
	return nil, nil
}

func (e *encoder) holding(kind string, object []byte, more string, err error) ([]byte, error) {
	return []byte(fmt.Sprintf(`{"record_type":"%s","object":%s%s}`, kind, object, more)), err
}

// object writes one; with $id the first time, since others may refer to it later.
func (e *encoder) object(object Object) ([]byte, error) {
	var text bytes.Buffer
	text.WriteByte('{')
	if !e.defined[object] {
		e.defined[object] = true
		fmt.Fprintf(&text, `"$id":"%s",`, e.id(object))
	}
	fmt.Fprintf(&text, `"object_type":"%s"`, object.ObjectType())
	fields := reflect.ValueOf(object).Elem()
	for i := 0; i < fields.NumField(); i++ {
		name, options, _ := strings.Cut(fields.Type().Field(i).Tag.Get("json"), ",")
		if options == "omitempty" && fields.Field(i).IsZero() {
			continue
		}
		value, err := e.value(fields.Field(i).Interface())
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", name, err)
		}
		fmt.Fprintf(&text, `,"%s":%s`, name, value)
	}
	text.WriteByte('}')
	return text.Bytes(), nil
}

func (e *encoder) plain(record Record) ([]byte, error) {
	values := make(map[string]json.RawMessage, len(record))
	for name, given := range record {
		value, err := e.value(given)
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", name, err)
		}
		values[name] = value
	}
	return marshal(values)
}

func (e *encoder) value(value any) ([]byte, error) {
	object, isObject := value.(Object)
	if !isObject {
		return marshal(value)
	}
	id := e.id(object)
	if !e.defined[object] {
		e.mentioned = append(e.mentioned, object)
	}
	return []byte(fmt.Sprintf(`{"$ref":"#%s"}`, id)), nil
}

// id of an object in this output. Ids that a normalizer writes by hand are unlikely to look like this.
func (e *encoder) id(object Object) string {
	number, known := e.numbers[object]
	if !known {
		number = len(e.numbers) + 1
		e.numbers[object] = number
	}
	return fmt.Sprintf("~%d", number)
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
