/* runner.yaml, templates, values and answers: what is read, and what is refused where. */
#include "tests/harness.h"

#include "points/exec/ask.h"
#include "points/exec/exec.h"

#define TOP                                        \
	"server: \"unix:/run/reeve/reeve.sock\"\n" \
	"token_file: /etc/reeve/runner.token\n"    \
	"listen: /run/reeve-exec/exec.sock\n"      \
	"spool: /var/lib/reeve-exec\n"
#define WORKERS "workers: [{user: root, systems: [deploy-bot]}]\n"
#define COMMAND                                                                 \
	"commands:\n"                                                           \
	"  go:\n"                                                               \
	"    action: deploy\n"                                                  \
	"    effect: write\n"                                                   \
	"    resource: {type: Service, id: \"shop-{target}\"}\n"                \
	"    params: {target: {enum: [a, b]}, n: {decimal: {max: \"9.99\"}}}\n" \
	"    inputs: {site: {}}\n"
#define ARGV "    argv: [/bin/echo, \"{n}\", \"{input:site}\"]\n"
#define GOOD TOP WORKERS COMMAND ARGV

static const char *read_conf(struct rv_arena *a, const char *text, const struct rv_exec_conf **ret)
{
	static char buf[900];
	struct rv_err err = { 0 };
	enum rv_code code = rv_exec_conf_read(a, rv_str_of(text), "runner.yaml", ret, &err);
	return code == RV_OK ? "ok" : rv_err_text(&err, buf, sizeof buf);
}

TEST(defaults_are_written_out)
{
	RV_AUTO_ARENA a;
	RV_AUTO_BUF b;
	const struct rv_exec_conf *c;
	rv_arena_init(&a, 4 << 20);
	rv_buf_init(&b, 1 << 20);
	CHECK_STR(rv_str_of(read_conf(&a, GOOD, &c)), "ok");
	CHECK(c->max_requests == 32 && c->max_requests_per_worker == 8 &&
		c->max_wait_ms == 86400000);
	const struct rv_exec_command *go = rv_exec_command_find(c, RV_STR("go"));
	REQUIRE(go);
	CHECK(!rv_exec_command_find(c, RV_STR("g")) && !rv_exec_command_find(c, RV_STR("")));
	CHECK(go->timeout_ms == 60000 && go->output_bytes == 1 << 20 && go->n_env == 0);
	CHECK_STR(go->cwd, "/");
	CHECK(go->inputs[0].max_bytes == 16 << 20);
	CHECK(go->params[1].max_scaled == 999 && go->params[1].scale == 2);
	CHECK(c->workers[0].uid == 0 && c->n_workers == 1);
	rv_exec_conf_print(c, &b);
	CHECK(strstr(rv_buf_z(&b), "\"timeout_ms\":60000"));
	CHECK(strstr(rv_buf_z(&b), "\"max_in_smallest_unit\":999"));
}

TEST(refused_with_a_place)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "", "runner.yaml" },
		{ "[]", "runner: must be an object" },
		{ GOOD "---\n" GOOD, "one document" },
		{ GOOD "surprise: 1\n", "surprise: is not a known field" },
		{ WORKERS COMMAND ARGV, "server" },
		{ TOP COMMAND ARGV, "workers" },
		{ TOP WORKERS, "commands" },
		{ TOP WORKERS "commands: {}\n", "commands: has 1 to 128" },
		{ TOP "workers: []\n" COMMAND ARGV, "workers: has 1 to 256" },
		{ TOP "workers: [{user: root, systems: []}]\n" COMMAND ARGV, "systems: has 1" },
		{ TOP "workers: [{user: root, systems: [Bot]}]\n" COMMAND ARGV,
			"names of systems" },
		{ TOP "workers: [{user: no-such-user-here, systems: [a]}]\n" COMMAND ARGV,
			"runner.yaml:5:18: workers.user: is no user" },
		{ TOP "workers: [{user: -1, systems: [a]}]\n" COMMAND ARGV, "no user number" },
		{ TOP "workers: [{user: 4294967295, systems: [a]}]\n" COMMAND ARGV,
			"no user number" },
		{ TOP "workers: [{systems: [a]}]\n" COMMAND ARGV, "must be a Unix user" },
		{ TOP "workers: [{user: root, systems: [a]}, {user: 0, systems: [b]}]\n" COMMAND
				ARGV,
			"stands twice" },
		{ TOP "workers: [{user: root, systems: [a], group: x}]\n" COMMAND ARGV,
			"not a known field" },
		{ GOOD "max_requests: 0\n", "max_requests" },
		{ GOOD "max_requests: 1025\n", "max_requests" },
		{ GOOD "max_wait: 8d\n", "max_wait: must be a duration" },
		{ GOOD "max_wait: soon\n", "max_wait: must be a duration" },
		{ GOOD "ca_file: ca.pem\n", "ca_file: must be an absolute path" },
		{ GOOD "    shell: true\n", "shell: is not a known field" },
		{ GOOD "    timeout: 0s\n", "timeout: must be a duration" },
		{ GOOD "    timeout: 25h\n", "timeout: must be a duration" },
		{ GOOD "    timeout: 60\n", "timeout" },
		{ GOOD "    output: -1\n", "output" },
		{ GOOD "    output: 67108865\n", "output" },
		{ GOOD "    cwd: relative\n", "cwd: must be an absolute path" },
		{ GOOD "    cwd: /a/../b\n", "cwd: must be an absolute path" },
		{ GOOD "    env: {LD_PRELOAD: /x}\n", "may be set" },
		{ GOOD "    env: {LD_LIBRARY_PATH: /x}\n", "may be set" },
		{ GOOD "    env: {BASH_ENV: /x}\n", "may be set" },
		{ GOOD "    env: {\"A=B\": x}\n", "may be set" },
		{ GOOD "    env: {\"\": x}\n", "may be set" },
		{ GOOD "    env: {1A: x}\n", "may be set" },
		{ GOOD "    env: {A: 1}\n", "must be text (quote numbers)" },
		{ GOOD "    env: {A: \"x\\0y\"}\n", "must be text" },
		{ GOOD "    amount: \"{target}\"\n", "one decimal parameter" },
		{ GOOD "    amount: \"{n}0\"\n", "one decimal parameter" },
		{ GOOD "    amount: \"{nn}\"\n", "not in params" },
		{ GOOD "    amount: \"{input:site}\"\n", "in argv only" },
		{ GOOD "    amount: \"-1\"\n", "one decimal parameter" },
		{ GOOD "    amount: \"0\"\n", "one decimal parameter" },
		{ GOOD "    limits: {Ad: \"{n}\"}\n", "no limit's name" },
		{ GOOD "    limits: {ad: much}\n", "one decimal parameter" },
		{ GOOD "    limits: {ad: 1}\n", "must be text" },
		{ TOP WORKERS COMMAND "    argv: []\n", "has 1 to 64 words" },
		{ TOP WORKERS COMMAND "    argv: [echo, \"{n}{input:site}\"]\n", "absolute path" },
		{ TOP WORKERS COMMAND "    argv: [\"/bin/{target}\", \"{n}{input:site}\"]\n",
			"has no parameters" },
		{ TOP WORKERS COMMAND "    argv: [/bin/echo, \"{n}\"]\n", "input is used nowhere" },
		{ TOP WORKERS COMMAND "    argv: [/bin/echo, \"{input:site}\"]\n",
			"parameter is used nowhere" },
		{ TOP WORKERS COMMAND "    argv: [/bin/echo, \"{n\", \"{input:site}\"]\n",
			"'{' without '}'" },
		{ TOP WORKERS COMMAND "    argv: [/bin/echo, \"n}\", \"{input:site}\"]\n",
			"'}' without '{'" },
		{ TOP WORKERS COMMAND "    argv: [/bin/echo, \"{}\", \"{input:site}\"]\n",
			"is no name" },
		{ TOP WORKERS COMMAND "    argv: [/bin/echo, \"{{n}}\", \"{input:site}\"]\n",
			"is no name" },
		{ TOP WORKERS COMMAND "    argv: [/bin/echo, \"{n}\", \"{input:other}\"]\n",
			"not in inputs" },
		{ TOP WORKERS COMMAND "    argv: [/bin/echo, 5]\n", "must be text" },
		{ TOP WORKERS COMMAND, "argv" },
	};
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 64 << 20);
	for (size_t i = 0; i < RV_COUNT(cases); i++) {
		const struct rv_exec_conf *c;
		const char *got = read_conf(&a, cases[i].text, &c);
		CHECKF(strstr(got, cases[i].says), "case %zu: %s", i, got);
		rv_arena_clear(&a);
	}
}

TEST(kinds_of_parameters_refused)
{
	static const struct {
		const char *param, *says;
	} cases[] = {
		{ "{}", "exactly one of" },
		{ "{enum: [a], text: {max: 1, charset: a}}", "exactly one of" },
		{ "{pattern: \".*\"}", "not a known field" },
		{ "x", "must be an object" },
		{ "{enum: []}", "1 to 64 words" },
		{ "{enum: [1]}", "each word is text" },
		{ "{enum: [\"\"]}", "each word is text" },
		{ "{enum: [a, a]}", "stands twice" },
		{ "{text: {max: 0, charset: a}}", "max" },
		{ "{text: {max: 1025, charset: a}}", "max" },
		{ "{text: {charset: a}}", "max: is required" },
		{ "{text: {max: 3}}", "charset" },
		{ "{text: {max: 3, charset: \"\"}}", "graphic ASCII" },
		{ "{text: {max: 3, charset: \"z-a\"}}", "graphic ASCII" },
		{ "{text: {max: 3, charset: \"a b\"}}", "graphic ASCII" },
		{ "{text: {max: 3, charset: \"\xc3\xa9\"}}", "graphic ASCII" },
		{ "{decimal: {max: 5}}", "max" },
		{ "{decimal: {max: \"0\"}}", "largest value" },
		{ "{decimal: {max: \"1.234\"}}", "largest value" },
		{ "{decimal: {max: \"1\", scale: 5}}", "scale" },
		{ "{decimal: {max: \"922337203685477\"}}", "ok" },
		{ "{decimal: {max: \"922337203685477.58\", scale: 2}}", "ok" },
		{ "{decimal: {max: \"922337203685478\"}}", "largest value" },
		{ "{text: {max: 3, charset: \"a-c-\"}}", "ok" },
	};
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 64 << 20);
	for (size_t i = 0; i < RV_COUNT(cases); i++) {
		char text[2048];
		const struct rv_exec_conf *c;
		(void)snprintf(text, sizeof text,
			TOP WORKERS "commands:\n  go:\n    action: a\n    effect: read\n"
				    "    resource: {type: T, id: i}\n    argv: [/x, \"{p}\"]\n"
				    "    params: {p: %s}\n",
			cases[i].param);
		const char *got = read_conf(&a, text, &c);
		CHECKF(strstr(got, cases[i].says), "case %zu: %s", i, got);
	}
}

TEST(answers_that_are_believed)
{
#define A "\"approval\":{\"id\":\"01930000-0000-7000-8000-000000000001\"}"
#define I "\"intent\":{\"id\":\"01930000-0000-7000-8000-000000000001\"}"
	static const struct {
		const char *text;
		enum rv_ask_verdict want;
	} cases[] = {
		{ "{\"decision\":true,\"context\":{\"reeve\":{\"outcome\":\"allow\"," I "}}}",
			RV_ASK_ALLOW },
		{ "{\"decision\":false,\"context\":{\"reeve\":{\"outcome\":\"hold\"," A "}}}",
			RV_ASK_HOLD },
		{ "{\"decision\":false,\"context\":{\"reeve\":{\"outcome\":\"deny\"}}}",
			RV_ASK_DENY },
		{ "", RV_ASK_UNSET },
		{ "null", RV_ASK_UNSET },
		{ "true", RV_ASK_UNSET },
		{ "{\"decision\":true}", RV_ASK_UNSET },
		{ "{\"decision\":true,\"context\":{\"reeve\":{\"outcome\":\"allow\"}}}",
			RV_ASK_UNSET },
		{ "{\"decision\":1,\"context\":{\"reeve\":{\"outcome\":\"allow\"," I "}}}",
			RV_ASK_UNSET },
		{ "{\"decision\":\"true\",\"context\":{\"reeve\":{\"outcome\":\"allow\"," I "}}}",
			RV_ASK_UNSET },
		{ "{\"context\":{\"reeve\":{\"outcome\":\"allow\"," I "}}}", RV_ASK_UNSET },
		{ "{\"decision\":true,\"decision\":true,\"context\":{\"reeve\":{\"outcome\":"
		  "\"allow\"," I "}}}",
			RV_ASK_UNSET },
		{ "{\"decision\":true,\"context\":{\"reeve\":{\"outcome\":\"ALLOW\"," I "}}}",
			RV_ASK_UNSET },
		{ "{\"decision\":true,\"context\":{\"reeve\":{\"outcome\":\"hold\"," I "," A "}}}",
			RV_ASK_UNSET },
		{ "{\"decision\":false,\"context\":{\"reeve\":{\"outcome\":\"hold\"}}}",
			RV_ASK_UNSET },
		{ "{\"decision\":false,\"context\":{\"reeve\":{\"outcome\":\"allow\"," I "}}}",
			RV_ASK_UNSET },
		{ "{\"decision\":true,\"context\":{\"reeve\":{\"outcome\":\"allow\",\"intent\":"
		  "{\"id\":\"../x\"}}}}",
			RV_ASK_UNSET },
		{ "{\"decision\":true,\"context\":{\"outcome\":\"allow\"," I "}}", RV_ASK_UNSET },
	};
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 4 << 20);
	for (size_t i = 0; i < RV_COUNT(cases); i++) {
		struct rv_ask_answer ans = { 0 };
		struct rv_err err = { 0 };
		enum rv_code code = rv_ask_answer_read(&a, rv_str_of(cases[i].text), &ans, &err);
		CHECKF(ans.verdict == cases[i].want, "case %zu: %x", i, (unsigned)ans.verdict);
		CHECKF((code == RV_OK) == (cases[i].want != RV_ASK_UNSET), "case %zu", i);
	}
}

TEST(messages_read_back)
{
	RV_AUTO_ARENA a;
	RV_AUTO_BUF b;
	struct rv_err err = { 0 };
	struct rv_exec_message back,
		m = { .command = RV_STR("release"),
			.token = RV_STR("rvs_0123456789-_AZaz"),
			.system = RV_STR("deploy-bot"),
			.approval = RV_STR("01930000-0000-7000-8000-000000000001"),
			.wait_ms = 1234,
			.params = { { RV_STR("target"), RV_STR("a\"b\\c\xc3\xa9") } },
			.n_params = 1,
			.inputs = { RV_STR("site"), RV_STR("more") },
			.n_inputs = 2 };
	rv_arena_init(&a, 1 << 20);
	rv_buf_init(&b, 4096);
	rv_exec_message_write(&m, &b);
	REQUIRE_OK(rv_exec_message_read(&a, rv_buf_str(&b), &back, &err), &err);
	CHECK(rv_str_eq(back.command, m.command) && rv_str_eq(back.token, m.token));
	CHECK(rv_str_eq(back.system, m.system) && rv_str_eq(back.approval, m.approval));
	CHECK(back.wait_ms == 1234 && back.n_params == 1 && back.n_inputs == 2);
	CHECK(rv_str_eq(back.params[0].value, m.params[0].value));
	CHECK(rv_str_eq(back.inputs[1], m.inputs[1]));
}

MAIN()
