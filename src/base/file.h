/* Files: whole reads with a limit, atomic durable writes, directories. Blocking; any thread. */
#ifndef RV_BASE_FILE_H
#define RV_BASE_FILE_H
#include "base/arena.h"

#include <sys/types.h>

/* Whole regular file into the arena, NUL-terminated besides. path "-" is standard input. Errors:
 * RV_ENOENT, RV_EIO, RV_ELIMIT. */
RV_MUST_USE enum rv_code rv_file_read(struct rv_arena *a, const char *path, size_t max_bytes,
	struct rv_str *ret, struct rv_err *err);
/* Temporary file, fsync, rename over path, fsync of the folder: afterwards the old or the new
 * content is there, never a mix. */
RV_MUST_USE enum rv_code rv_file_write(
	const char *path, struct rv_str bytes, mode_t mode, struct rv_err *err);
/* Creates; RV_EEXIST if it is there. Durable like rv_file_write. */
RV_MUST_USE enum rv_code rv_file_create(
	const char *path, struct rv_str bytes, mode_t mode, struct rv_err *err);
/* Folder and its parents; one that exists is fine. */
RV_MUST_USE enum rv_code rv_dir_make(const char *path, mode_t mode, struct rv_err *err);
RV_MUST_USE enum rv_code rv_dir_sync(const char *path, struct rv_err *err);
/* write(2) until all is written. */
RV_MUST_USE enum rv_code rv_fd_write_all(int fd, struct rv_str bytes, struct rv_err *err);
#endif
