/* The settings of reeve serve: values, places, and docs/serve.md held against the table. */
#include "base/file.h"
#include "cli/serve_conf.h"
#include "tests/harness.h"

static enum rv_code read_conf(
	struct rv_arena *a, const char *text, struct rv_serve_conf *c, char *said, size_t size)
{
	struct rv_err err = { 0 };
	enum rv_code code = rv_serve_conf_file(a, rv_str_of(text), "serve.yaml", c, &err);
	if (code == RV_OK)
		code = rv_serve_conf_check(c, &err);
	rv_err_text(&err, said, size);
	return code;
}

TEST(what_a_file_says)
{
	struct rv_serve_conf c = { 0 };
	char said[900];
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 20);
	CHECKF(read_conf(&a,
		       "data: /d\nlisten: [\"unix:/s\", '127.0.0.1:0']\nthreads: 4\n"
		       "max_body: 2MiB\nidle_timeout: 1m\ndrain_timeout: 0\nunix_mode: '0660'\n"
		       "log_level: debug\npublic_url: https://r.example\n",
		       &c, said, sizeof said) == RV_OK,
		"%s", said);
	CHECK_STR(rv_str_of(rv_serve_text(&c, RV_SERVE_ID_data)), "/d");
	CHECK(c.listens.n == 2 && strcmp(c.listens.v[1], "127.0.0.1:0") == 0);
	CHECK(rv_serve_number(&c, RV_SERVE_ID_threads) == 4);
	CHECK(rv_serve_number(&c, RV_SERVE_ID_max_body) == 2 << 20);
	CHECK(rv_serve_number(&c, RV_SERVE_ID_idle_timeout) == 60000);
	CHECK(rv_serve_number(&c, RV_SERVE_ID_drain_timeout) == 0);
	CHECK(rv_serve_number(&c, RV_SERVE_ID_unix_mode) == 0660);
	CHECK(rv_serve_number(&c, RV_SERVE_ID_log_level) == 3);
	CHECK(rv_serve_number(&c, RV_SERVE_ID_head_timeout) == 10000); /* default */
}

TEST(flags_override_the_file)
{
	struct rv_serve_conf c = { 0 };
	char said[900];
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 20);
	c.v[RV_SERVE_ID_threads].text = "2";
	c.v[RV_SERVE_ID_threads].from = "flag";
	c.listens.v[c.listens.n++] = "unix:/flag";
	c.listens_from = "flag";
	REQUIRE(read_conf(&a, "data: /d\nthreads: 4\nlisten: [\"unix:/a\", \"unix:/b\"]\n", &c,
			said, sizeof said) == RV_OK);
	CHECK(rv_serve_number(&c, RV_SERVE_ID_threads) == 2);
	CHECK(c.listens.n == 1 && strcmp(c.listens.v[0], "unix:/flag") == 0);
	RV_AUTO_BUF out;
	rv_buf_init(&out, 1 << 16);
	rv_serve_conf_print(&c, &out);
	CHECK(strstr(rv_buf_z(&out), "threads: \"2\"  # flag\n"));
	CHECK(strstr(rv_buf_z(&out), "data: \"/d\"  # file\n"));
	CHECK(strstr(rv_buf_z(&out), "idle_timeout: \"60s\"  # default\n"));
	/* What is printed reads back as the same. */
	struct rv_serve_conf again = { 0 };
	REQUIRE(read_conf(&a, rv_buf_z(&out), &again, said, sizeof said) == RV_OK);
	for (size_t i = 0; i < RV_SERVE_KEYS; i++)
		CHECKF(again.v[i].number == c.v[i].number, "%s", rv_serve_keys[i].key);
}

TEST(what_is_refused)
{
	static const struct {
		const char *in, *want;
	} cases[] = {
		{ "", "serve.yaml:1:1: must hold one document" },
		{ "[1]\n", "serve.yaml:1:1: serve: must be an object" },
		{ "data: /d\nthread: 4\n", "serve.yaml:2:1: serve.thread: is not a known field" },
		{ "data: /d\ndata: /e\n", "serve.yaml:2:1" },
		{ "data: /d\nthreads: 0\n",
			"serve.yaml:2:10: threads: must be a whole number from 1 to 64, not '0'" },
		{ "data: /d\nthreads: 65\n", "serve.yaml:2:10: threads: " },
		{ "data: /d\nthreads: many\n", "not 'many'" },
		{ "data: /d\nthreads: 1.5\n", "serve.yaml:2:10: threads: must be text or a whole" },
		{ "data: /d\nthreads: true\n", "whole number, not true or false" },
		{ "data: /d\nthreads: [1]\n", "not an array" },
		{ "data: d\n", "serve.yaml:1:7: data: must be an absolute path, not 'd'" },
		{ "data: \"\"\n", "serve.yaml:1:7: data: must not be empty" },
		{ "data: \"/d\\0x\"\n", "serve.yaml:1:7: data: must be text" },
		{ "threads: 1\n", "needs --data, or 'data' in the file" },
		{ "data: /d\nlisten: []\n", "serve.yaml:2:9: listen: has 1 to 8 addresses" },
		{ "data: /d\nlisten: [a, b, c, d, e, f, g, h, i]\n", "has 1 to 8 addresses" },
		{ "data: /d\nlisten: nowhere\n", "serve.yaml:2:9: listen: address 'nowhere'" },
		{ "data: /d\nlisten: \"host.example:80\"\n", "not an IP address" },
		{ "data: /d\nlisten: \"127.0.0.1:65536\"\n", "127.0.0.1:65536" },
		{ "data: /d\nlisten: [\"unix:/s\", \"unix:/s\"]\n", "'unix:/s' stands twice" },
		{ "data: /d\nlisten: \"0.0.0.0:80\"\n",
			"serve.yaml:2:9: listen: '0.0.0.0:80' can be reached from other machines: "
			"that needs TLS" },
		{ "data: /d\nlisten: \"[::]:80\"\n", "that needs TLS" },
		{ "data: /d\nlisten: \"192.0.2.1:80\"\n", "that needs TLS" },
		{ "data: /d\ntls_cert: /c\n",
			"serve.yaml:2:11: tls_cert: needs 'tls_key' (--tls-key)" },
		{ "data: /d\ntls_key: /k\n", "serve.yaml:2:10: tls_key: needs 'tls_cert'" },
		{ "data: /d\ncosign_store: /c\n", "cosign_store: needs 'cosign_logs'" },
		{ "data: /d\nwitness_quorum: 1\n",
			"serve.yaml:2:17: witness_quorum: needs 'witnesses'" },
		{ "data: /d\nretain_text: soon\n", "retain_text: must be a time" },
		{ "data: /d\nretain_text: 0\n", "retain_text: must be a time" },
		{ "data: /d\nmax_body: 1023\n", "serve.yaml:2:11: max_body: must be a size" },
		{ "data: /d\nmax_body: 65MiB\n", "max_body: must be a size" },
		{ "data: /d\nmax_body: 9999999999GiB\n", "max_body: must be a size" },
		{ "data: /d\nmax_body: -1\n", "max_body: must be a size" },
		{ "data: /d\nmax_body: 1MB\n", "not '1MB'" },
		{ "data: /d\nidle_timeout: 99ms\n", "idle_timeout: must be a time from 100ms" },
		{ "data: /d\nidle_timeout: 10\n", "not '10'" },
		{ "data: /d\nidle_timeout: -1s\n", "not '-1s'" },
		{ "data: /d\nunix_mode: '0888'\n", "serve.yaml:2:12: unix_mode: must be an octal" },
		{ "data: /d\nunix_mode: '66'\n", "unix_mode: must be an octal" },
		{ "data: /d\nlog_level: loud\n", "must be error, warn, info or debug, not 'loud'" },
		{ "data: /d\npublic_url: r.example\n", "public_url: must begin with https:// or" },
		{ "data: &a /d\n", "serve.yaml:1:" },
		{ "data: /d\n---\ndata: /d\n", "must hold one document" },
	};
	for (size_t i = 0; i < RV_COUNT(cases); i++) {
		struct rv_serve_conf c = { 0 };
		char said[900];
		RV_AUTO_ARENA a;
		rv_arena_init(&a, 1 << 20);
		enum rv_code code = read_conf(&a, cases[i].in, &c, said, sizeof said);
		CHECKF(code == RV_EINVAL, "%s: %s", cases[i].in, rv_code_name(code));
		CHECKF(strstr(said, cases[i].want), "%s: \"%s\" lacks \"%s\"", cases[i].in, said,
			cases[i].want);
	}
}

TEST(bounds_of_numbers)
{
	static const struct {
		const char *in;
		bool want;
	} cases[] = {
		{ "threads: 1", true },
		{ "threads: 64", true },
		{ "max_connections: 1", true },
		{ "max_connections: 1000000", true },
		{ "max_connections: 1000001", false },
		{ "max_body: 1KiB", true },
		{ "max_body: 64MiB", true },
		{ "head_timeout: 100ms", true },
		{ "head_timeout: 1h", true },
		{ "head_timeout: 3601s", false },
		{ "drain_timeout: 0", true },
		{ "idle_timeout: 24h", true },
		{ "retain_events: 365d", true },
	};
	for (size_t i = 0; i < RV_COUNT(cases); i++) {
		struct rv_serve_conf c = { 0 };
		char said[900], text[128];
		RV_AUTO_ARENA a;
		rv_arena_init(&a, 1 << 20);
		snprintf(text, sizeof text, "data: /d\n%s\n", cases[i].in);
		CHECKF((read_conf(&a, text, &c, said, sizeof said) == RV_OK) == cases[i].want,
			"%s: %s", cases[i].in, said);
	}
}

/* Each key has its row with flag and default, and each row has its key. */
TEST(the_document_and_the_table_agree)
{
	char path[512], want[256];
	struct rv_str text;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 20);
	snprintf(path, sizeof path, "%s/docs/serve.md", getenv("RV_SOURCE"));
	REQUIRE(rv_file_read(&a, path, 1 << 20, &text, NULL) == RV_OK);
	for (size_t i = 0; i < RV_SERVE_KEYS; i++) {
		const struct rv_serve_key *k = &rv_serve_keys[i];
		int n = snprintf(want, sizeof want, "\n| `%s` | `--%s`", k->key, k->flag);
		if (k->letter)
			n += snprintf(want + n, sizeof want - (size_t)n, ", `-%c`", k->letter);
		snprintf(want + n, sizeof want - (size_t)n, k->fallback ? " | `%s` |" : " | – |",
			k->fallback);
		CHECKF(strstr(text.p, want), "docs/serve.md lacks:%s", want);
	}
	size_t rows = 0;
	for (const char *p = text.p; (p = strstr(p, "\n| `")); p++)
		rows++;
	CHECKF(rows == RV_SERVE_KEYS + 1, "%zu rows", rows); /* and listen */
}

MAIN()
