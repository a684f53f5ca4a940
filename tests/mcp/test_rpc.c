/* JSON-RPC messages, mcp.yaml and pins: what is read, and what is refused. */
#include <sys/stat.h>

#include "base/file.h"
#include "points/mcp/pin.h"
#include "points/mcp/rpc.h"
#include "tests/harness.h"

TEST(messages)
{
	static const struct {
		const char *text;
		enum rv_rpc_kind want; /* RV_RPC_UNSET: refused */
	} rows[] = {
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}", RV_RPC_REQUEST },
		{ "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"ping\",\"params\":{}}",
			RV_RPC_REQUEST },
		{ "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}",
			RV_RPC_NOTIFICATION },
		{ "{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{}}", RV_RPC_RESULT },
		{ "{\"jsonrpc\":\"2.0\",\"id\":-3,\"error\":{\"code\":-32601,\"message\":\"no\"}}",
			RV_RPC_ERROR },
		{ "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":\"no\"}"
		  "}",
			RV_RPC_ERROR },
		{ "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32700,\"message\":\"no\"}}",
			RV_RPC_ERROR },
		/* refused */
		{ "", RV_RPC_UNSET },
		{ "1", RV_RPC_UNSET },
		{ "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]", RV_RPC_UNSET },
		{ "{\"id\":1,\"method\":\"ping\"}", RV_RPC_UNSET },
		{ "{\"jsonrpc\":2.0,\"id\":1,\"method\":\"ping\"}", RV_RPC_UNSET },
		{ "{\"jsonrpc\":\"2.1\",\"id\":1,\"method\":\"ping\"}", RV_RPC_UNSET },
		{ "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}", RV_RPC_UNSET },
		{ "{\"jsonrpc\":\"2.0\",\"id\":null,\"result\":{}}", RV_RPC_UNSET },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1.0,\"method\":\"ping\"}", RV_RPC_UNSET },
		{ "{\"jsonrpc\":\"2.0\",\"id\":[1],\"method\":\"ping\"}", RV_RPC_UNSET },
		{ "{\"jsonrpc\":\"2.0\",\"id\":99999999999999999999,\"method\":\"ping\"}",
			RV_RPC_UNSET },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"ping\"}", RV_RPC_UNSET },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\"}", RV_RPC_UNSET },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":null}", RV_RPC_UNSET },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":[1]}",
			RV_RPC_UNSET },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":null}",
			RV_RPC_UNSET },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"result\":{}}",
			RV_RPC_UNSET },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"extra\":1}", RV_RPC_UNSET },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{},\"error\":{\"code\":1,\"message\":"
		  "\"\"}}",
			RV_RPC_UNSET },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":[]}", RV_RPC_UNSET },
		{ "{\"jsonrpc\":\"2.0\",\"result\":{}}", RV_RPC_UNSET },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{},\"params\":{}}", RV_RPC_UNSET },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":\"x\",\"message\":\"no\"}}",
			RV_RPC_UNSET },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":1}}", RV_RPC_UNSET },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":\"no\"}", RV_RPC_UNSET },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1}", RV_RPC_UNSET },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"} {}", RV_RPC_UNSET },
	};
	for (size_t i = 0; i < RV_COUNT(rows); i++) {
		RV_AUTO_ARENA a = { 0 };
		struct rv_rpc m;
		struct rv_err err = { 0 };
		rv_arena_init(&a, 1 << 20);
		enum rv_code code = rv_rpc_read(&a, rv_str_of(rows[i].text), &m, &err);
		bool ok = rows[i].want == RV_RPC_UNSET ? code != RV_OK && err.msg[0]
						       : code == RV_OK && m.kind == rows[i].want;
		CHECKF(ok, "%s: %s %s", rows[i].text, rv_code_name(code), err.msg);
	}
}

TEST(limits_are_exact)
{
	static const struct {
		size_t id, method;
		bool want;
	} rows[] = { { RV_RPC_ID_MAX, 1, true }, { RV_RPC_ID_MAX + 1, 1, false },
		{ 1, RV_RPC_METHOD_MAX, true }, { 1, RV_RPC_METHOD_MAX + 1, false } };
	char id[600], method[600];
	memset(id, 'i', sizeof id);
	memset(method, 'm', sizeof method);
	for (size_t i = 0; i < RV_COUNT(rows); i++) {
		RV_AUTO_ARENA a = { 0 };
		struct rv_rpc m;
		rv_arena_init(&a, 1 << 20);
		const char *text = rv_arena_printf(&a,
			"{\"jsonrpc\":\"2.0\",\"id\":\"%.*s\",\"method\":\"%.*s\"}",
			(int)rows[i].id, id, (int)rows[i].method, method);
		CHECKF((rv_rpc_read(&a, rv_str_of(text), &m, NULL) == RV_OK) == rows[i].want,
			"row %zu", i);
	}
}

TEST(an_id_is_known_even_of_what_is_refused)
{
	RV_AUTO_ARENA a = { 0 };
	struct rv_rpc m;
	rv_arena_init(&a, 1 << 20);
	CHECK(rv_rpc_read(&a, RV_STR("{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"x\",\"y\":1}"), &m,
		      NULL) == RV_EINVAL);
	CHECK(m.id && m.id->integer == 7);
}

#define TOP                                                                      \
	"server: \"unix:/run/reeve.sock\"\ntoken_file: /etc/t\nsocket: /run/m\n" \
	"state: /var/lib/m\n"
#define SERVERS "servers:\n  files:\n    command: [/usr/bin/node, /opt/x.js]\n"

TEST(configuration)
{
	static const struct {
		const char *text, *says; /* NULL: taken */
	} rows[] = {
		{ TOP SERVERS, NULL },
		{ TOP "hold_wait: 20s\nmax_sessions: 5\nmax_calls: 9\n" SERVERS
		      "    cwd: /srv\n    env: {A: b}\n    secrets: {K: /etc/k}\n    timeout: 5s\n"
		      "    result_bytes: 2048\n",
			NULL },
		{ "", "mcp.yaml" },
		{ "x: 1\n", "mcp.yaml:1:1: " },
		{ TOP, "servers: is required" },
		{ TOP "servers: {}\n", "has 1 to 64 entries" },
		{ TOP "servers: {Files: {command: [/x]}}\n", "is no name" },
		{ TOP "servers: {files: {}}\n", "servers.files.command: is required" },
		{ TOP "servers: {files: {command: []}}\n", "has 1 to 64 words" },
		{ TOP "servers: {files: {command: [node]}}\n", "absolute path" },
		{ TOP "servers: {files: {command: [/x, 1]}}\n", "words of text" },
		{ TOP "servers: {files: {command: [/x], env: {1A: b}}}\n", "names variables" },
		{ TOP "servers: {files: {command: [/x], secrets: {A: b}}}\n",
			"absolute path of a file" },
		{ TOP "servers: {files: {command: [/x], env: {A: b}, secrets: {A: /b}}}\n",
			"names a variable of env" },
		{ TOP "servers: {files: {command: [/x], timeout: 0s}}\n", "must be a duration" },
		{ TOP "servers: {files: {command: [/x], result_bytes: 1}}\n", "result_bytes" },
		{ TOP "servers: {files: {command: [/x], shell: true}}\n", "shell" },
		{ TOP "socket2: /x\n" SERVERS, "socket2" },
		{ "server: \"\"\ntoken_file: /t\nsocket: /s\nstate: /v\n" SERVERS,
			"is no address" },
		{ "server: u\ntoken_file: t\nsocket: /s\nstate: /v\n" SERVERS, "token_file" },
		{ "server: u\ntoken_file: /t\nsocket: /../s\nstate: /v\n" SERVERS, "socket" },
		{ "server: u\ntoken_file: /t\nstate: /v\n" SERVERS, "mcp.socket: is required" },
	};
	for (size_t i = 0; i < RV_COUNT(rows); i++) {
		RV_AUTO_ARENA a = { 0 };
		const struct rv_mcp_conf *c;
		struct rv_err err = { 0 };
		char text[900] = "";
		rv_arena_init(&a, 4 << 20);
		enum rv_code code =
			rv_mcp_conf_read(&a, rv_str_of(rows[i].text), "mcp.yaml", &c, &err);
		if (code != RV_OK)
			rv_err_text(&err, text, sizeof text);
		CHECKF((code == RV_OK) == !rows[i].says &&
				(!rows[i].says || strstr(text, rows[i].says)),
			"row %zu: %s", i, text);
	}
}

TEST(pins_approve_just_what_was_seen)
{
	char dir[] = "/tmp/rv-pins-XXXXXX", path[64];
	struct rv_mcp_pins *p, *other;
	struct rv_err err = { 0 };
	size_t n = 0;
	REQUIRE(mkdtemp(dir));
	REQUIRE_OK(rv_mcp_pins_open(dir, &p, &err), &err);
	struct rv_str s = RV_STR("files"), one = RV_STR("{\"name\":\"a\"}"),
		      two = RV_STR("{\"name\":\"a\",\"x\":1}"), prog = RV_STR("{\"argv\":[]}");
	const struct rv_mcp_seen first[] = { { RV_STR(""), prog }, { RV_STR("a"), one } };
	const struct rv_mcp_seen later[] = { { RV_STR(""), prog }, { RV_STR("a"), two } };
	CHECK(rv_mcp_pins_approve(p, s, RV_STR(""), RV_STR("ann"), &n, &err) == RV_ENOENT);
	rv_err_clear(&err);
	REQUIRE_OK(rv_mcp_pins_see(p, s, first, 2, &err), &err);
	CHECK(rv_mcp_pins_check(p, s, RV_STR("a"), one) == RV_MCP_PIN_NEW);
	/* The person's command is another process with the same folder. */
	REQUIRE_OK(rv_mcp_pins_open(dir, &other, &err), &err);
	REQUIRE_OK(rv_mcp_pins_approve(other, s, RV_STR("a"), RV_STR("ann"), &n, &err), &err);
	CHECK(n == 1);
	rv_mcp_pins_free(other);
	CHECK(rv_mcp_pins_refresh(p) && !rv_mcp_pins_refresh(p));
	CHECK(rv_mcp_pins_check(p, s, RV_STR("a"), one) == RV_MCP_PIN_APPROVED);
	CHECK(rv_mcp_pins_check(p, s, RV_STR(""), prog) == RV_MCP_PIN_APPROVED);
	CHECK(rv_mcp_pins_check(p, s, RV_STR("a"), two) == RV_MCP_PIN_CHANGED);
	CHECK(rv_mcp_pins_check(p, RV_STR("other"), RV_STR("a"), one) == RV_MCP_PIN_NEW);
	/* Seen as another: the approval is of the old one, and stays that. */
	REQUIRE_OK(rv_mcp_pins_see(p, s, later, 2, &err), &err);
	CHECK(rv_mcp_pins_check(p, s, RV_STR("a"), one) == RV_MCP_PIN_APPROVED);
	CHECK(rv_mcp_pins_count(p) == 2 && rv_mcp_pins_at(p, 1).state == RV_MCP_PIN_CHANGED);
	REQUIRE_OK(rv_mcp_pins_see(p, s, later, 1, &err), &err);
	CHECK(rv_mcp_pins_count(p) == 2 && rv_mcp_pins_at(p, 1).state == RV_MCP_PIN_GONE);
	/* A file that cannot be read approves nothing, and is not taken for an empty one. */
	snprintf(path, sizeof path, "%s/approved.json", dir);
	REQUIRE_OK(rv_file_write(path, RV_STR("{\"tools\":[{}]}"), 0644, &err), &err);
	CHECK(rv_mcp_pins_refresh(p));
	CHECK(rv_mcp_pins_check(p, s, RV_STR("a"), one) == RV_MCP_PIN_NEW);
	CHECK(rv_mcp_pins_open(dir, &other, &err) == RV_ECORRUPT);
	rv_mcp_pins_free(p);
	(void)unlink(path);
	snprintf(path, sizeof path, "%s/seen.json", dir);
	(void)unlink(path);
	(void)rmdir(dir);
}

MAIN()
