//go:build !wasip1

package whiskers

import (
	"bufio"
	"os"
	"syscall"
)

// Both are copied: what the normalizer starts does not get them.
func takeStream() (*stream, error) {
	input, err := syscall.Dup(0)
	if err != nil {
		return nil, err
	}
	output, err := syscall.Dup(1)
	if err != nil {
		return nil, err
	}
	syscall.CloseOnExec(input)
	syscall.CloseOnExec(output)
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	if err := syscall.Dup3(int(null.Fd()), 0, 0); err != nil {
		return nil, err
	}
	if err := syscall.Dup3(2, 1, 0); err != nil {
		return nil, err
	}
	return &stream{
		input:  bufio.NewReaderSize(os.NewFile(uintptr(input), "input"), 64*1024),
		output: os.NewFile(uintptr(output), "output"),
	}, nil
}
