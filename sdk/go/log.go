package whiskers

import (
	"fmt"
	"os"
	"sync/atomic"
)

const messageMaxBytes = 64 * 1024

// current is the run that is being worked on. One process works on one run at a time.
var current atomic.Pointer[Output]

func attachLog(out *Output) { current.Store(out) }

// Debug, Info, Warning and Error write to the log of the run, for people. What is printed, to standard output or
// standard error, ends up in the same log.
func Debug(format string, arguments ...any)   { write("debug", format, arguments) }
func Info(format string, arguments ...any)    { write("info", format, arguments) }
func Warning(format string, arguments ...any) { write("warning", format, arguments) }
func Error(format string, arguments ...any)   { write("error", format, arguments) }

func write(level, format string, arguments []any) {
	message := cut(fmt.Sprintf(format, arguments...), messageMaxBytes)
	if out := current.Load(); out != nil {
		entry := appendString([]byte(`{"level":"`+level+`","message":`), message)
		out.stream.send(kindLog, out.run, append(entry, "}\n"...))
	} else {
		fmt.Fprintln(os.Stderr, message)
	}
}
