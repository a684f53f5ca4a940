/* The hosts' events, what they amount to, and answers in the hosts' forms. */
#include "points/hook/hook.h"
#include "tests/harness.h"

#define CL(tool, input)                                                        \
	"{\"hook_event_name\":\"PreToolUse\",\"session_id\":\"s\",\"cwd\":\"/" \
	"w\",\"tool_name\":\"" tool "\",\"tool_input\":" input ",\"whatever\":1}"

static const struct {
	enum rv_hook_host host;
	const char *event, *want; /* "action Type/id; …", or what is said against it behind "!" */
} rows[] = {
	{ RV_HOOK_CLAUDE, CL("Bash", "{\"command\":\"ls; rm x\"}"),
		"run Command/ls; run Command/rm" },
	{ RV_HOOK_CLAUDE, CL("Bash", "{\"command\":\"$x\"}"), "run Command/(unknown)" },
	{ RV_HOOK_CLAUDE, CL("Read", "{\"file_path\":\"/etc/../etc//shadow\"}"),
		"read File/etc/shadow" },
	{ RV_HOOK_CLAUDE, CL("Write", "{\"file_path\":\"a/./b/../c\",\"content\":\"\"}"),
		"write File/w/a/c" },
	{ RV_HOOK_CLAUDE, CL("Write", "{\"file_path\":\"../../../x\"}"), "write File/x" },
	{ RV_HOOK_CLAUDE, CL("Grep", "{\"pattern\":\"x\"}"), "read File/w/x" },
	{ RV_HOOK_CLAUDE, CL("Grep", "{}"), "read File/w" },
	{ RV_HOOK_CLAUDE, CL("WebFetch", "{\"url\":\"https://x.example/\"}"),
		"fetch Url/https://x.example/" },
	{ RV_HOOK_CLAUDE, CL("mcp__files__write_file", "{}"), "call McpTool/files/write_file" },
	{ RV_HOOK_CLAUDE, CL("mcp__files", "{}"), "!names no server" },
	{ RV_HOOK_CLAUDE, CL("NewTool", "{}"), "use Tool/NewTool" },
	{ RV_HOOK_CLAUDE, CL("Bash", "{\"cmd2\":\"ls\"}"), "!no text in 'command'" },
	{ RV_HOOK_CLAUDE, CL("Bash", "[]"), "!not an object" },
	{ RV_HOOK_CLAUDE, "{\"hook_event_name\":\"PreToolUse\"}", "!no tool's name" },
	{ RV_HOOK_CLAUDE, "{\"tool_name\":\"Bash\"}", "!no hook_event_name" },
	{ RV_HOOK_CLAUDE, "[]", "!not an object" },
	{ RV_HOOK_CLAUDE, "{", "!" },
	{ RV_HOOK_CLAUDE, "{\"tool_name\":\"a\",\"tool_name\":\"b\",\"hook_event_name\":\"P\"}",
		"!" },
	{ RV_HOOK_CODEX, CL("Bash", "{\"command\":[\"bash\",\"-lc\",\"ls && id\"]}"),
		"run Command/bash; run Command/ls; run Command/id" },
	{ RV_HOOK_CODEX, CL("shell", "{\"command\":[\"rm\",\"x; y\"]}"), "run Command/rm" },
	{ RV_HOOK_CODEX, CL("shell", "{\"command\":[1]}"), "!words of text" },
	{ RV_HOOK_CODEX,
		CL("apply_patch",
			"{\"command\":\"*** Begin Patch\\n*** Update File: a.c\\n@@\\n*** Delete "
			"File: /b\\n*** End Patch\"}"),
		"write File/w/a.c; write File/b" },
	{ RV_HOOK_CODEX, CL("apply_patch", "{\"command\":\"nothing\"}"), "!names no file" },
	{ RV_HOOK_CURSOR,
		"{\"hook_event_name\":\"beforeShellExecution\",\"conversation_id\":\"c\","
		"\"command\":\"id\",\"cwd\":\"/\"}",
		"run Command/id" },
	{ RV_HOOK_CURSOR,
		"{\"hook_event_name\":\"beforeMCPExecution\",\"tool_name\":\"t\",\"tool_input\":\"{"
		"\\\"a\\\":1}\"}",
		"call McpTool/cursor/t" },
	{ RV_HOOK_CURSOR,
		"{\"hook_event_name\":\"beforeReadFile\",\"file_path\":\"/a\",\"content\":\"x\"}",
		"read File/a" },
	{ RV_HOOK_COPILOT,
		"{\"sessionId\":\"s\",\"cwd\":\"/"
		"w\",\"toolName\":\"bash\",\"toolArgs\":{\"command\":\"id\"}}",
		"run Command/id" },
	{ RV_HOOK_COPILOT,
		"{\"sessionId\":\"s\",\"cwd\":\"/"
		"w\",\"toolName\":\"bash\",\"toolArgs\":\"{\\\"command\\\":\\\"id\\\"}\"}",
		"run Command/id" },
	{ RV_HOOK_GEMINI,
		"{\"hook_event_name\":\"BeforeTool\",\"tool_name\":\"run_shell_command\",\"tool_"
		"input\":{\"command\":\"id\"}}",
		"run Command/id" },
	{ RV_HOOK_GEMINI,
		"{\"hook_event_name\":\"BeforeTool\",\"tool_name\":\"mcp_files_read_file\",\"tool_"
		"input\":{}}",
		"call McpTool/files/read_file" },
	{ RV_HOOK_GEMINI,
		"{\"hook_event_name\":\"BeforeTool\",\"tool_name\":\"read_file\",\"tool_input\":{"
		"\"file_path\":\"a\"}}",
		"!no absolute path" },
};

TEST(events_and_what_they_amount_to)
{
	static struct rv_hook_act acts[RV_HOOK_ACTS_MAX];
	for (size_t i = 0; i < RV_COUNT(rows); i++) {
		RV_AUTO_ARENA a = { 0 };
		RV_AUTO_BUF b = { 0 };
		struct rv_hook_event e;
		struct rv_err err = { 0 };
		size_t n = 0;
		rv_arena_init(&a, 16 << 20);
		rv_buf_init(&b, 4096);
		enum rv_code code =
			rv_hook_event_read(&a, rows[i].host, rv_str_of(rows[i].event), &e, &err);
		if (code == RV_OK)
			code = rv_hook_acts(&a, &e, acts, &n, &err);
		for (size_t k = 0; k < n; k++)
			rv_buf_printf(&b, "%s%s %s%s%.*s", k ? "; " : "", acts[k].action,
				acts[k].type, acts[k].id.p[0] == '/' ? "" : "/",
				RV_FMT(acts[k].id));
		const char *want = rows[i].want;
		bool ok = want[0] == '!' ? code != RV_OK && err.msg[0] && strstr(err.msg, want + 1)
					 : code == RV_OK && strcmp(rv_buf_z(&b), want) == 0;
		CHECKF(ok, "%s: '%s' %s", rows[i].event, rv_buf_z(&b), err.msg);
	}
}

TEST(answers)
{
	static const struct {
		enum rv_hook_host host;
		const char *event, *allow, *deny;
	} forms[] = {
		{ RV_HOOK_CLAUDE, "PreToolUse",
			"{\"hookSpecificOutput\":{\"hookEventName\":\"PreToolUse\","
			"\"permissionDecision\":\"allow\","
			"\"permissionDecisionReason\":\"why\"}}\n",
			"{\"hookSpecificOutput\":{\"hookEventName\":\"PreToolUse\","
			"\"permissionDecision\":\"deny\","
			"\"permissionDecisionReason\":\"why\"}}\n" },
		{ RV_HOOK_CODEX, "PermissionRequest",
			"{\"hookSpecificOutput\":{\"hookEventName\":\"PermissionRequest\","
			"\"decision\":{\"behavior\":\"allow\"}}}\n",
			"{\"hookSpecificOutput\":{\"hookEventName\":\"PermissionRequest\","
			"\"decision\":{\"behavior\":\"deny\","
			"\"message\":\"why\"}}}\n" },
		{ RV_HOOK_CURSOR, "preToolUse",
			"{\"permission\":\"allow\",\"user_message\":\"why\",\"agent_message\":"
			"\"why\"}\n",
			"{\"permission\":\"deny\",\"user_message\":\"why\",\"agent_message\":"
			"\"why\"}\n" },
		{ RV_HOOK_COPILOT, "preToolUse",
			"{\"permissionDecision\":\"allow\",\"permissionDecisionReason\":\"why\"}\n",
			"{\"permissionDecision\":\"deny\",\"permissionDecisionReason\":\"why\"}"
			"\n" },
		{ RV_HOOK_GEMINI, "BeforeTool", "{\"decision\":\"allow\",\"reason\":\"why\"}\n",
			"{\"decision\":\"deny\",\"reason\":\"why\"}\n" },
	};
	/* A hold, and what is no verdict at all, are a no. */
	static const enum rv_hook_verdict noes[] = { RV_HOOK_DENY, RV_HOOK_HOLD, RV_HOOK_NONE,
		(enum rv_hook_verdict)1 };
	RV_AUTO_BUF out = { 0 }, why = { 0 };
	rv_buf_init(&out, 4096);
	rv_buf_init(&why, 4096);
	for (size_t i = 0; i < RV_COUNT(forms); i++) {
		struct rv_str event = rv_str_of(forms[i].event);
		CHECK(rv_hook_answer(
			      forms[i].host, event, RV_HOOK_ALLOW, RV_STR("why"), &out, &why) == 0);
		CHECK_STR(rv_buf_str(&out), forms[i].allow);
		CHECK(why.n == 0);
		for (size_t k = 0; k < RV_COUNT(noes); k++) {
			CHECK(rv_hook_answer(forms[i].host, event, noes[k], RV_STR("why"), &out,
				      &why) == 2);
			CHECK_STR(rv_buf_str(&out), forms[i].deny);
			CHECK_STR(rv_buf_str(&why), "why\n");
		}
		CHECK(rv_hook_answer(forms[i].host, event, RV_HOOK_DENY, RV_STR(""), &out, &why) ==
			2);
		CHECK(strstr(rv_buf_z(&out), "denied by policy") && why.n > 1);
	}
}

TEST(no_server_no_tool)
{
	RV_AUTO_BUF out = { 0 }, why = { 0 };
	rv_buf_init(&out, 8192);
	rv_buf_init(&why, 8192);
	struct rv_hook_opts o = { .host = RV_HOOK_CLAUDE,
		.server = "unix:/nonexistent/reeve.sock",
		.token = RV_STR("rvs_x") };
	struct rv_str e = RV_STR(CL("Bash", "{\"command\":\"ls\"}"));
	CHECK(rv_hook_run(&o, e, &out, &why) == 2);
	CHECK(strstr(rv_buf_z(&out), "\"deny\"") && strstr(rv_buf_z(&out), "nobody listens"));
	o.token = RV_STR("");
	CHECK(rv_hook_run(&o, e, &out, &why) == 2 && strstr(rv_buf_z(&out), "no credential"));
	CHECK(rv_hook_run(&o, RV_STR("garbage"), &out, &why) == 2 &&
		strstr(rv_buf_z(&out), "\"deny\""));
}

MAIN()
