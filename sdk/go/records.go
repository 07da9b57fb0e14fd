package whiskers

import "time"

// Object is a pointer to one of the structs of objects.go. A field that refers to another object takes that
// pointer, or a Key. Nothing is checked here: the host checks everything, once, and says what is wrong with which.
type Object interface {
	ObjectType() string
	isOOI()
	writeFields(e *encoder)
}

// Key is a primary key, such as "Hostname|internet|example.com", in the place of a reference.
type Key string

// Record is any record, as JSON has it. A value that is an Object becomes a reference to it.
type Record map[string]any

// Declaration is an object that exists because somebody says so, until EndValidTime if that is given.
type Declaration struct {
	Object       Object
	EndValidTime *time.Time
}

// Affirmation has facts about an object that something else has found.
type Affirmation struct{ Object Object }

// ScanProfile is the level, 0 to 4, to which an object may be scanned.
type ScanProfile struct {
	// Object or Key
	Reference OOIRef
	Level     int
}

// DerivedRaw is a raw file that was found in the raw file.
type DerivedRaw struct {
	Content   []byte
	MimeTypes []string
}

// Some gives a pointer to a value, for fields that may be left out.
func Some[T any](value T) *T { return &value }
