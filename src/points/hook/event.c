/* The hosts' events. Sources: Claude Agent SDK types (0.3.330), Codex hook schemas, Copilot's and
 * Gemini's hook references; Cursor's from third-party descriptions, so both spellings of its tool
 * input are taken. */
#include "points/hook/hook.h"

static const char *const names[] = { [RV_HOOK_CLAUDE] = "claude",
	[RV_HOOK_CODEX] = "codex",
	[RV_HOOK_CURSOR] = "cursor",
	[RV_HOOK_COPILOT] = "copilot",
	[RV_HOOK_GEMINI] = "gemini" };

enum rv_hook_host rv_hook_host_parse(const char *name)
{
	for (size_t i = RV_HOOK_CLAUDE; i < RV_COUNT(names); i++)
		if (strcmp(name, names[i]) == 0)
			return (enum rv_hook_host)i;
	return RV_HOOK_UNSET;
}

const char *rv_hook_host_name(enum rv_hook_host h)
{
	return h > RV_HOOK_UNSET && h < RV_COUNT(names) ? names[h] : "?";
}

static struct rv_str text_of(const struct rv_json *v, const char *name)
{
	const struct rv_json *m = rv_json_get(v, name);
	return rv_json_is(m, RV_JSON_STR) ? m->str : RV_STR("");
}

/* The first of two spellings that is there. */
static struct rv_str either(const struct rv_json *v, const char *a, const char *b)
{
	struct rv_str s = text_of(v, a);
	return s.n ? s : text_of(v, b);
}

static enum rv_code missing(const char *what, struct rv_err *err)
{
	return RV_FAIL(err, RV_EINVAL, "the host's event has no %s", what);
}

/* An object, or text that holds one. */
static enum rv_code read_input(
	struct rv_arena *a, const struct rv_json *v, const struct rv_json **ret, struct rv_err *err)
{
	if (v && v->type == RV_JSON_STR)
		RV_TRY(rv_json_parse(a, v->str, NULL, &v, err));
	if (v && v->type != RV_JSON_OBJ)
		return RV_FAIL(err, RV_EINVAL, "the tool's input is %s, not an object",
			rv_json_type_name(v->type));
	*ret = v;
	return RV_OK;
}

/* Cursor names the event and not the tool, where the event is of one kind of tool. */
static enum rv_code read_cursor(
	struct rv_arena *a, const struct rv_json *v, struct rv_hook_event *e, struct rv_err *err)
{
	e->session = text_of(v, "conversation_id");
	if (rv_str_eqz(e->event, "beforeShellExecution")) {
		e->tool = RV_STR("Shell");
		e->input = v;
		return RV_OK;
	}
	if (rv_str_eqz(e->event, "beforeReadFile")) {
		e->tool = RV_STR("Read");
		e->input = v;
		return RV_OK;
	}
	if (rv_str_eqz(e->event, "beforeMCPExecution")) {
		const char *tool =
			rv_arena_printf(a, "mcp__cursor__%.*s", RV_FMT(text_of(v, "tool_name")));
		if (!tool)
			return RV_FAIL_ARENA(err);
		e->tool = rv_str_of(tool);
		return read_input(a, rv_json_get(v, "tool_input"), &e->input, err);
	}
	e->tool = text_of(v, "tool_name");
	return read_input(a, rv_json_get(v, "tool_input"), &e->input, err);
}

static enum rv_code read_any(
	struct rv_arena *a, const struct rv_json *v, struct rv_hook_event *e, struct rv_err *err)
{
	const struct rv_json *input = rv_json_get(v, "tool_input");
	e->session = either(v, "session_id", "sessionId");
	e->tool = either(v, "tool_name", "toolName");
	if (!input)
		input = rv_json_get(v, "toolArgs");
	return read_input(a, input, &e->input, err);
}

enum rv_code rv_hook_event_read(struct rv_arena *a, enum rv_hook_host host, struct rv_str text,
	struct rv_hook_event *ret, struct rv_err *err)
{
	const struct rv_json *v;
	struct rv_hook_event e = { .host = host };
	RV_TRY(rv_json_parse(a, text, NULL, &v, err));
	if (v->type != RV_JSON_OBJ)
		return RV_FAIL(err, RV_EINVAL, "the host's event is %s, not an object",
			rv_json_type_name(v->type));
	e.event = text_of(v, "hook_event_name");
	e.cwd = text_of(v, "cwd");
	/* Copilot's own spelling leaves the event's name to the configuration. */
	if (e.event.n == 0 && host == RV_HOOK_COPILOT)
		e.event = RV_STR("preToolUse");
	if (e.event.n == 0)
		return missing("hook_event_name", err);
	if (host == RV_HOOK_CURSOR)
		RV_TRY(read_cursor(a, v, &e, err));
	else
		RV_TRY(read_any(a, v, &e, err));
	if (e.tool.n == 0 || e.tool.n > 256)
		return missing("tool's name", err);
	*ret = e;
	return RV_OK;
}
