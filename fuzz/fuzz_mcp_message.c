#include "points/mcp/rpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A message that is taken says the same when it is written and read again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	RV_AUTO_ARENA a = { 0 };
	RV_AUTO_BUF b = { 0 };
	struct rv_json_w w;
	struct rv_rpc m, again;
	struct rv_err err = { 0 };
	rv_arena_init(&a, 1 << 26);
	rv_buf_init(&b, 1 << 25);
	if (rv_rpc_read(&a, rv_str_n(data, n), &m, &err) != RV_OK) {
		rv_assert(err.code != RV_OK);
		return 0;
	}
	rv_assert(m.kind != RV_RPC_UNSET);
	rv_json_w_init(&w, &b);
	switch (m.kind) {
	case RV_RPC_REQUEST:
		rv_rpc_w_request(&w, m.id, m.method);
		break;
	case RV_RPC_NOTIFICATION:
		rv_rpc_w_notification(&w, m.method);
		break;
	default:
		rv_rpc_w_reply(&w, m.id);
	}
	if (m.params) {
		rv_json_w_name(&w, "params");
		rv_json_w_value(&w, m.params);
	}
	if (m.result || m.error) {
		rv_json_w_name(&w, m.result ? "result" : "error");
		rv_json_w_value(&w, m.result ? m.result : m.error);
	}
	rv_json_w_obj_end(&w);
	if (b.failed || b.n > RV_RPC_MESSAGE_MAX)
		return 0;
	rv_assert(rv_rpc_read(&a, rv_buf_str(&b), &again, &err) == RV_OK);
	rv_assert(again.kind == m.kind && rv_str_eq(again.method, m.method));
	rv_assert(!m.id == !again.id && (!m.id || rv_json_eq(m.id, again.id)));
	return 0;
}
