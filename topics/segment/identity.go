package segment

import (
	"errors"
	"io/fs"

	"github.com/e6e95bb8/topics/wal/vfs"
)

// Identity reads the ids of a data file's segment and log from its header.
// known is false if the file is missing or its header is damaged.
func Identity(fsys vfs.FS, name string) (logID, id uint64, known bool, err error) {
	f, err := fsys.OpenRead(name)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, false, nil
	}
	if err != nil {
		return 0, 0, false, err
	}
	defer f.Close()
	b := make([]byte, headerSize)
	err = readFull(f, name, b, 0)
	var h header
	if err == nil {
		h, err = decodeHeader(b, dataMagic, name)
	}
	if _, bad := errors.AsType[*DamageError](err); bad {
		return 0, 0, false, nil
	}
	return h.logID, h.id, err == nil, err
}
