// The fixture normalizer of protocol/vectors/README.md.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"whiskers"
)

var runs int

func main() { whiskers.Serve(run) }

func run(meta *whiskers.Meta, _ []byte, out *whiskers.Output) error {
	what := meta.Input()
	yield := func(record whiskers.Record) {
		record["record_type"] = "vector"
		out.Yield(record)
	}
	switch what["do"] {
	case "describe":
		whiskers.Info("%d raw files", len(meta.Raws))
		for _, raw := range meta.Raws {
			sum := sha256.Sum256(raw.Content)
			yield(whiskers.Record{
				"id": raw.ID, "mime_types": raw.MimeTypes, "size": len(raw.Content), "sha256": hex.EncodeToString(sum[:]),
			})
		}
	case "count":
		for i := 0; i < int(what["n"].(float64)); i++ {
			yield(whiskers.Record{"i": i})
		}
	case "text":
		yield(whiskers.Record{"text": what["text"]})
	case "print":
		fmt.Println(what["text"])
		yield(whiskers.Record{"printed": true})
	case "raise":
		yield(whiskers.Record{"before": true})
		return errors.New(what["message"].(string))
	case "remember":
		runs++
		yield(whiskers.Record{"runs": runs})
	}
	return nil
}
