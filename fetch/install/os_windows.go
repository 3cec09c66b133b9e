package install

import (
	"encoding/binary"
	"errors"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
)

// isRefusal reports that the user may not make symbolic links, or that a file system such as FAT has no links.
func isRefusal(err error) bool {
	return errors.Is(err, windows.ERROR_PRIVILEGE_NOT_HELD) || errors.Is(err, windows.ERROR_INVALID_FUNCTION)
}

// otherDevice reports that a hard link would lead from one file system to another.
func otherDevice(err error) bool { return errors.Is(err, windows.ERROR_NOT_SAME_DEVICE) }

// tooManyLinks reports that a file cannot have another name: on NTFS it has 1023 of them at most.
func tooManyLinks(err error) bool { return errors.Is(err, windows.ERROR_TOO_MANY_LINKS) }

// makeJunction makes an empty folder a mount point that leads to a folder on a disk of this machine.
func makeJunction(folder, target string) error {
	data, err := mountPoint(target)
	if err != nil {
		return err
	}
	name, err := windows.UTF16PtrFromString(folder)
	if err != nil {
		return err
	}
	h, err := windows.CreateFile(name, windows.GENERIC_WRITE, 0, nil, windows.OPEN_EXISTING,
		windows.FILE_FLAG_OPEN_REPARSE_POINT|windows.FILE_FLAG_BACKUP_SEMANTICS, 0)
	if err != nil {
		return err
	}
	var n uint32
	err = windows.DeviceIoControl(h, windows.FSCTL_SET_REPARSE_POINT, &data[0], uint32(len(data)), nil, 0, &n, nil)
	return errors.Join(err, windows.CloseHandle(h))
}

// mountPoint is a REPARSE_DATA_BUFFER of the kind mount point: tag, length of what follows the first 8 bytes, and 0; offset and
// length of the target as the system knows it and as people are shown it; then the two, each with a zero at its end. All
// numbers are in bytes, little-endian, and all text is in UTF-16.
func mountPoint(target string) ([]byte, error) {
	if !filepath.IsAbs(target) || strings.HasPrefix(target, `\\`) {
		return nil, errors.ErrUnsupported // there is no junction to a share
	}
	system, err := windows.UTF16FromString(`\??\` + target)
	if err != nil {
		return nil, err
	}
	shown, err := windows.UTF16FromString(target)
	if err != nil {
		return nil, err
	}
	const heading, offsets = 8, 8
	path := append(system, shown...)
	length := offsets + 2*len(path)
	if heading+length > windows.MAXIMUM_REPARSE_DATA_BUFFER_SIZE {
		return nil, windows.ERROR_FILENAME_EXCED_RANGE
	}
	data := binary.LittleEndian.AppendUint32(nil, windows.IO_REPARSE_TAG_MOUNT_POINT)
	for _, n := range []int{length, 0, 0, 2 * (len(system) - 1), 2 * len(system), 2 * (len(shown) - 1)} {
		data = binary.LittleEndian.AppendUint16(data, uint16(n))
	}
	for _, unit := range path {
		data = binary.LittleEndian.AppendUint16(data, unit)
	}
	return data, nil
}
