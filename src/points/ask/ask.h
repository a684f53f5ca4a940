/* What every enforcement point shares that asks `reeve serve` from a process of its own: its
 * credential, and how an answer is read. Pure, or blocking on a file; any thread. */
#ifndef RV_POINTS_ASK_ASK_H
#define RV_POINTS_ASK_ASK_H
#include "base/json.h"

/* Zero is none of them; what cannot be read is none of them either. */
enum rv_ask_verdict {
	RV_ASK_UNSET = 0,
	RV_ASK_DENY = 0x5a,
	RV_ASK_HOLD = 0x3c,
	RV_ASK_ALLOW = 0xa5
};
struct rv_ask_answer {
	enum rv_ask_verdict verdict;
	struct rv_str event, intent, digest, approval_id;
	const struct rv_json *reasons, *approval; /* as they came; NULL: none */
	bool no_audit; /* denied because the record could not be made durable: may pass */
};
/* Reads the answer to one who does not act itself. Errors: RV_EINVAL whatever contradicts itself or
 * is not as docs/decisions.md has it. */
RV_MUST_USE enum rv_code rv_ask_advice_read(
	struct rv_arena *a, struct rv_str body, struct rv_ask_answer *ret, struct rv_err *err);
/* Reads the answer to one who acts (`act`): an allow needs an intent on record. Errors: the same.
 */
RV_MUST_USE enum rv_code rv_ask_answer_read(
	struct rv_arena *a, struct rv_str body, struct rv_ask_answer *ret, struct rv_err *err);
/* A file that holds one credential and nothing else: ours or root's, no right for others. The text
 * without the line's end; prefix: "rvp_". Errors name the path, never the contents. */
RV_MUST_USE enum rv_code rv_ask_token_read(struct rv_arena *a, const char *path, const char *prefix,
	struct rv_str *ret, struct rv_err *err);
/* A member that must be an absolute path without ".." when it is there. */
RV_MUST_USE enum rv_code rv_ask_opt_path(
	struct rv_json_obj *o, const char *name, struct rv_str *ret, struct rv_err *err);
/* A member that is a duration within bounds when it is there. */
RV_MUST_USE enum rv_code rv_ask_opt_duration(struct rv_json_obj *o, const char *name,
	int64_t min_ms, int64_t max_ms, int64_t *ret_ms, struct rv_err *err);
#endif
