// Every line of the raw file that is a hostname.
package main

import (
	"regexp"
	"strings"

	"whiskers"
)

var hostname = regexp.MustCompile(`^[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*$`)

func main() { whiskers.Serve(run) }

func run(meta *whiskers.Meta, raw []byte, out *whiskers.Output) error {
	internet := &whiskers.Network{Name: "internet"}
	out.Yield(internet)
	seen := map[string]bool{}
	for _, line := range strings.Split(strings.ToLower(string(raw)), "\n") {
		name := strings.TrimSpace(line)
		if name == "" || seen[name] {
			continue
		}
		seen[name] = true
		if len(name) <= 253 && hostname.MatchString(name) {
			out.Yield(&whiskers.Hostname{Network: internet, Name: name})
		}
	}
	whiskers.Info("%d different lines", len(seen))
	return nil
}
