package whiskers

import "encoding/json"

// RawFile is one raw file of a run.
type RawFile struct {
	ID        string
	MimeTypes []string
	Content   []byte
}

// Meta is OpenKAT's NormalizerMeta.
type Meta struct {
	ID      string `json:"id"`
	RawData struct {
		ID         string `json:"id"`
		BoefjeMeta struct {
			ID        string `json:"id"`
			StartedAt string `json:"started_at"`
			EndedAt   string `json:"ended_at"`
			Boefje    struct {
				ID      string  `json:"id"`
				Version *string `json:"version"`
			} `json:"boefje"`
			InputOOI     *string        `json:"input_ooi"`
			Arguments    map[string]any `json:"arguments"`
			Organization string         `json:"organization"`
		} `json:"boefje_meta"`
		MimeTypes []struct {
			Value string `json:"value"`
		} `json:"mime_types"`
	} `json:"raw_data"`
	Normalizer struct {
		ID      string  `json:"id"`
		Version *string `json:"version"`
	} `json:"normalizer"`
	StartedAt string  `json:"started_at"`
	EndedAt   *string `json:"ended_at"`

	// JSON is the whole of it, as it came.
	JSON json.RawMessage `json:"-"`
	// Raws are all raw files of the run; the first is the one that is given as raw.
	Raws []RawFile `json:"-"`
}

// Input is the object that was scanned, as boefjes get it; nil: there is none.
func (m *Meta) Input() map[string]any {
	input, _ := m.RawData.BoefjeMeta.Arguments["input"].(map[string]any)
	return input
}

// InputOOI is its primary key, or "".
func (m *Meta) InputOOI() string {
	if key := m.RawData.BoefjeMeta.InputOOI; key != nil {
		return *key
	}
	return ""
}
