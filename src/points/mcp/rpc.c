#include "points/mcp/rpc.h"

static enum rv_code bad(
	const struct rv_json *v, const char *path, const char *what, struct rv_err *err)
{
	return RV_FAIL_AT(err, RV_EINVAL, NULL, v->line, v->col, "%s: %s", path, what);
}

static bool is_id(const struct rv_json *v)
{
	return v->type == RV_JSON_INT || (v->type == RV_JSON_STR && v->str.n <= RV_RPC_ID_MAX);
}

static enum rv_code check_error(const struct rv_json *e, struct rv_err *err)
{
	const struct rv_json *code = rv_json_get(e, "code"), *text = rv_json_get(e, "message");
	if (e->type != RV_JSON_OBJ || !rv_json_is(code, RV_JSON_INT) ||
		!rv_json_is(text, RV_JSON_STR))
		return bad(e, "error", "must be an object with an integer code and a message", err);
	return RV_OK;
}

/* What the members that are there make of it. */
static enum rv_code classify(const struct rv_json *v, struct rv_rpc *m, struct rv_err *err)
{
	if (m->method.p && (m->result || m->error))
		return bad(v, "message", "is both a request and a reply", err);
	if (m->method.p) {
		m->kind = m->id ? RV_RPC_REQUEST : RV_RPC_NOTIFICATION;
		return RV_OK;
	}
	if (m->params)
		return bad(v, "params", "belongs to no method", err);
	if (!m->result == !m->error)
		return bad(v, "message", "needs one of method, result and error", err);
	if (m->error) {
		m->kind = RV_RPC_ERROR;
		return check_error(m->error, err);
	}
	if (!m->id)
		return bad(v, "id", "is required in a reply", err);
	if (m->result->type != RV_JSON_OBJ)
		return bad(m->result, "result", "must be an object", err);
	m->kind = RV_RPC_RESULT;
	return RV_OK;
}

enum rv_code rv_rpc_read(
	struct rv_arena *a, struct rv_str text, struct rv_rpc *ret, struct rv_err *err)
{
	static const struct rv_json_limits limits = { .max_bytes = RV_RPC_MESSAGE_MAX,
		.max_depth = 64 };
	const struct rv_json *v, *id, *version;
	struct rv_json_obj o;
	struct rv_str version_text, method = { NULL, 0 };
	*ret = (struct rv_rpc){ 0 };
	RV_TRY(rv_json_parse(a, text, &limits, &v, err));
	if (v->type == RV_JSON_ARR)
		return bad(v, "message", "batches are not taken: send one message at a time", err);
	id = rv_json_get(v, "id");
	if (id && is_id(id))
		ret->id = id;
	RV_TRY(rv_json_obj_open(&o, v, "message", err));
	RV_TRY(rv_json_need_str(&o, "jsonrpc", &version_text, err));
	RV_TRY(rv_json_opt_str(&o, "method", &method, err));
	version = rv_json_get(v, "jsonrpc");
	(void)rv_json_opt_any(&o, "id"); /* read above; here it is only known */
	RV_TRY(rv_json_opt(&o, "params", RV_JSON_OBJ, &ret->params, err));
	ret->result = rv_json_opt_any(&o, "result");
	ret->error = rv_json_opt_any(&o, "error");
	RV_TRY(rv_json_obj_close(&o, err));
	if (!rv_str_eqz(version_text, "2.0"))
		return bad(version, "jsonrpc", "must be \"2.0\"", err);
	bool is_null = id && id->type == RV_JSON_NULL && ret->error; /* an error about no request */
	if (id && !ret->id && !is_null)
		return bad(id, "id", "must be an integer or a string of at most 256 bytes", err);
	if (method.p && (method.n == 0 || method.n > RV_RPC_METHOD_MAX))
		return bad(rv_json_get(v, "method"), "method", "has 1 to 128 bytes", err);
	ret->method = method;
	return classify(v, ret, err);
}

const struct rv_json *rv_rpc_param(const struct rv_rpc *m, const char *name, enum rv_json_type type)
{
	const struct rv_json *v = rv_json_get(m->params, name);
	return rv_json_is(v, type) ? v : NULL;
}

/* ---- writing ---- */

static void begin(struct rv_json_w *w)
{
	rv_json_w_obj(w);
	rv_json_w_kv_strz(w, "jsonrpc", "2.0");
}

static void put_id(struct rv_json_w *w, const struct rv_json *id)
{
	rv_json_w_name(w, "id");
	if (id)
		rv_json_w_value(w, id);
	else
		rv_json_w_null(w);
}

void rv_rpc_w_request(struct rv_json_w *w, const struct rv_json *id, struct rv_str method)
{
	begin(w);
	put_id(w, id);
	rv_json_w_kv_str(w, "method", method);
}

void rv_rpc_w_request_n(struct rv_json_w *w, int64_t id, struct rv_str method)
{
	begin(w);
	rv_json_w_kv_i64(w, "id", id);
	rv_json_w_kv_str(w, "method", method);
}

void rv_rpc_w_notification(struct rv_json_w *w, struct rv_str method)
{
	begin(w);
	rv_json_w_kv_str(w, "method", method);
}

void rv_rpc_w_reply(struct rv_json_w *w, const struct rv_json *id)
{
	begin(w);
	put_id(w, id);
}

void rv_rpc_w_reply_n(struct rv_json_w *w, int64_t id)
{
	begin(w);
	rv_json_w_kv_i64(w, "id", id);
}

void rv_rpc_w_error(
	struct rv_json_w *w, const struct rv_json *id, int64_t code, struct rv_str message)
{
	rv_rpc_w_reply(w, id);
	rv_json_w_name(w, "error");
	rv_json_w_obj(w);
	rv_json_w_kv_i64(w, "code", code);
	rv_json_w_kv_str(w, "message", message);
	rv_json_w_obj_end(w);
	rv_json_w_obj_end(w);
}
