/* The hosts' forms of yes and no. Where a host takes an exit status as well as words, both say the
 * same, so that one that reads only one of them is not misled. */
#include "points/hook/hook.h"

enum { EXIT_BLOCK = 2 };

static void put_claude(
	struct rv_json_w *w, struct rv_str event, const char *word, struct rv_str reason)
{
	rv_json_w_obj(w);
	rv_json_w_name(w, "hookSpecificOutput");
	rv_json_w_obj(w);
	if (rv_str_eqz(event, "PermissionRequest")) {
		bool allow = strcmp(word, "allow") == 0;
		rv_json_w_kv_strz(w, "hookEventName", "PermissionRequest");
		rv_json_w_name(w, "decision");
		rv_json_w_obj(w);
		rv_json_w_kv_strz(w, "behavior", word);
		if (!allow)
			rv_json_w_kv_str(w, "message", reason);
		rv_json_w_obj_end(w);
	} else {
		rv_json_w_kv_strz(w, "hookEventName", "PreToolUse");
		rv_json_w_kv_strz(w, "permissionDecision", word);
		rv_json_w_kv_str(w, "permissionDecisionReason", reason);
	}
	rv_json_w_obj_end(w);
	rv_json_w_obj_end(w);
}

static void put_cursor(struct rv_json_w *w, const char *word, struct rv_str reason)
{
	rv_json_w_obj(w);
	rv_json_w_kv_strz(w, "permission", word);
	rv_json_w_kv_str(w, "user_message", reason);
	rv_json_w_kv_str(w, "agent_message", reason);
	rv_json_w_obj_end(w);
}

static void put_copilot(struct rv_json_w *w, const char *word, struct rv_str reason)
{
	rv_json_w_obj(w);
	rv_json_w_kv_strz(w, "permissionDecision", word);
	rv_json_w_kv_str(w, "permissionDecisionReason", reason);
	rv_json_w_obj_end(w);
}

static void put_gemini(struct rv_json_w *w, const char *word, struct rv_str reason)
{
	rv_json_w_obj(w);
	rv_json_w_kv_strz(w, "decision", word);
	rv_json_w_kv_str(w, "reason", reason);
	rv_json_w_obj_end(w);
}

int rv_hook_answer(enum rv_hook_host host, struct rv_str event, enum rv_hook_verdict v,
	struct rv_str reason, struct rv_buf *out, struct rv_buf *why)
{
	struct rv_json_w w;
	/* A hold is a no for now: the host's own "ask" would let the worker's operator decide
	 * instead of the people whom policy names. */
	const char *word = v == RV_HOOK_ALLOW ? "allow" : "deny";
	if (reason.n == 0)
		reason = v == RV_HOOK_ALLOW ? RV_STR("allowed by policy")
					    : RV_STR("denied by policy");
	rv_buf_clear(out);
	rv_buf_clear(why);
	rv_json_w_init(&w, out);
	switch (host) {
	case RV_HOOK_CURSOR:
		put_cursor(&w, word, reason);
		break;
	case RV_HOOK_COPILOT:
		put_copilot(&w, word, reason);
		break;
	case RV_HOOK_GEMINI:
		put_gemini(&w, word, reason);
		break;
	default:
		put_claude(&w, event, word, reason);
	}
	rv_buf_addc(out, '\n');
	if (v == RV_HOOK_ALLOW)
		return 0;
	rv_buf_add(why, reason);
	rv_buf_addc(why, '\n');
	return EXIT_BLOCK;
}
