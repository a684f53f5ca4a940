/* Packets with descriptors over SOCK_SEQPACKET (wire.c tells the format). Blocking; one thread. */
#ifndef RV_POINTS_EXEC_WIRE_H
#define RV_POINTS_EXEC_WIRE_H
#include <sys/socket.h>

#include "base/buf.h"

enum { RV_EXEC_FDS_MAX = 16, RV_EXEC_PIECE_MAX = 16384 };
struct rv_exec_fds {
	int fd[RV_EXEC_FDS_MAX];
	size_t n, n_came; /* n_came: with those that were closed at once */
};
void rv_exec_fds_close(struct rv_exec_fds *f);
/* One packet appended to out. ret_from: the sender as the kernel knows it (needs SO_PASSCRED); NULL
 * when that does not matter. On failure nothing is left open. Errors: RV_ECLOSED, RV_ELIMIT,
 * RV_EINVAL, RV_EAUTH. */
RV_MUST_USE enum rv_code rv_exec_packet_recv(int sock, struct rv_buf *out, struct rv_exec_fds *fds,
	struct ucred *ret_from, struct rv_err *err);
/* Errors: RV_ECLOSED. */
RV_MUST_USE enum rv_code rv_exec_packet_send(
	int sock, struct rv_str bytes, const int *fds, size_t n_fds, struct rv_err *err);
#endif
