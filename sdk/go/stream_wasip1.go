//go:build wasip1

package whiskers

import (
	"bufio"
	"fmt"
	"os"
	"syscall"
)

//go:wasmimport wasi_snapshot_preview1 fd_renumber
func renumber(from, to int32) uint32

// WASI cannot duplicate descriptors; Whiskers lets them be opened a second time.
func takeStream() (*stream, error) {
	input, err := syscall.Open("/dev/stdin", syscall.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	output, err := syscall.Open("/dev/stdout", syscall.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	if err := replace(0, os.DevNull, syscall.O_RDONLY); err != nil {
		return nil, err
	}
	if err := replace(1, "/dev/stderr", syscall.O_WRONLY); err != nil {
		return nil, err
	}
	return &stream{
		input:  bufio.NewReaderSize(os.NewFile(uintptr(input), "input"), 64*1024),
		output: os.NewFile(uintptr(output), "output"),
	}, nil
}

func replace(descriptor int32, file string, mode int) error {
	opened, err := syscall.Open(file, mode, 0)
	if err != nil {
		return err
	}
	if errno := renumber(int32(opened), descriptor); errno != 0 {
		return fmt.Errorf("descriptor %d: error %d of WASI", descriptor, errno)
	}
	return nil
}
