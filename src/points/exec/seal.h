/* Sealed copies: bytes in memory that nobody can change any more, with their digest. And files that
 * must not be in the hands of others. Blocking; any thread. */
#ifndef RV_POINTS_EXEC_SEAL_H
#define RV_POINTS_EXEC_SEAL_H
#include "base/arena.h"
#include "base/enc.h"

enum { RV_EXEC_DIGEST_SIZE = 72 }; /* "sha256:" + 64 + NUL */
struct rv_exec_sealed {
	int fd; /* read-only, O_CLOEXEC; -1: none */
	int64_t size_bytes;
	char digest[RV_EXEC_DIGEST_SIZE];
	char head[256]; /* its first bytes, for "#!" */
	size_t head_n;
};
/* Copies an input that somebody passed: it must be a regular file on an ordinary file system,
 * opened for reading, of at most max_bytes. name: for messages. Reads from the start whatever the
 * offset is, and moves none. Errors: RV_EINVAL, RV_ELIMIT, RV_EIO. */
RV_MUST_USE enum rv_code rv_exec_seal_input(int fd, const char *name, int64_t max_bytes,
	struct rv_exec_sealed *ret, struct rv_err *err);
/* The same for an executable of ours: the path and every folder above it must be in the hands of
 * root or of this process's user. */
RV_MUST_USE enum rv_code rv_exec_seal_program(
	const char *path, struct rv_exec_sealed *ret, struct rv_err *err);
/* An executable opened once and measured, but run where it lies (an interpreter). */
RV_MUST_USE enum rv_code rv_exec_open_program(
	const char *path, struct rv_exec_sealed *ret, struct rv_err *err);
void rv_exec_sealed_done(struct rv_exec_sealed *s);

/* RV_EPERM unless the file (links resolved) and every folder above it are owned by root, this
 * process's user or also_uid, and writable by nobody else; folders with the sticky bit pass. */
RV_MUST_USE enum rv_code rv_exec_path_is_ours(
	const char *path, uid_t also_uid, char real[4096], struct rv_err *err);
#endif
