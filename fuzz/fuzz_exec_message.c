#include "points/exec/exec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What a worker may send: a message that is taken writes and reads back as the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	RV_AUTO_ARENA a;
	RV_AUTO_BUF one, two;
	struct rv_exec_message m, back;
	struct rv_err err = { 0 };
	rv_arena_init(&a, 1 << 22);
	rv_buf_init(&one, 1 << 18);
	rv_buf_init(&two, 1 << 18);
	if (rv_exec_message_read(&a, rv_str_n(data, n), &m, &err) != RV_OK) {
		rv_assert(err.code != RV_OK && err.msg[0] != '\0');
		return 0;
	}
	rv_exec_message_write(&m, &one);
	if (one.n > RV_EXEC_MESSAGE_MAX)
		return 0; /* escapes may need more room than they came in */
	rv_assert(rv_exec_message_read(&a, rv_buf_str(&one), &back, &err) == RV_OK);
	rv_exec_message_write(&back, &two);
	rv_assert(rv_str_eq(rv_buf_str(&one), rv_buf_str(&two)));
	return 0;
}
