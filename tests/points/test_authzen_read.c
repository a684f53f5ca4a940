/* AuthZEN requests as tables: what is read, what is refused and how it is told. */
#include <stdio.h>

#include "points/authzen/authzen.h"
#include "tests/harness.h"

#define S "\"subject\":{\"type\":\"u\",\"id\":\"a\"}"
#define A "\"action\":{\"name\":\"r\"}"
#define SEMANTIC(s) ",\"options\":{\"evaluations_semantic\":" s "},\"evaluations\":[{}]}"
#define R "\"resource\":{\"type\":\"d\",\"id\":\"1\"}"

static void put_item(struct rv_buf *out, const struct rv_authzen_item *i)
{
	if (i->code != RV_OK) {
		rv_buf_printf(out, "[%s]", i->message);
		return;
	}
	rv_buf_printf(out, "%.*s:%.*s%s %.*s%s %.*s:%.*s%s%s", RV_FMT(i->subject.type),
		RV_FMT(i->subject.id), i->subject.properties ? "+" : "", RV_FMT(i->action),
		i->action_properties ? "+" : "", RV_FMT(i->resource.type), RV_FMT(i->resource.id),
		i->resource.properties ? "+" : "", i->context ? " ctx" : "");
}

typedef enum rv_code read_fn(
	struct rv_arena *a, const struct rv_json *body, struct rv_buf *out, struct rv_err *err);

static enum rv_code read_one(
	struct rv_arena *a, const struct rv_json *body, struct rv_buf *out, struct rv_err *err)
{
	struct rv_authzen_item i;
	RV_TRY(rv_authzen_read_evaluation(a, body, &i, err));
	put_item(out, &i);
	return RV_OK;
}

static enum rv_code read_many(
	struct rv_arena *a, const struct rv_json *body, struct rv_buf *out, struct rv_err *err)
{
	struct rv_authzen_batch b;
	RV_TRY(rv_authzen_read_evaluations(a, body, &b, err));
	rv_buf_printf(out, "%s%d", b.is_single ? "single " : "", b.semantic);
	for (size_t i = 0; i < b.n; i++) {
		rv_buf_addz(out, " | ");
		put_item(out, &b.items[i]);
	}
	return RV_OK;
}

static enum rv_code read_search(struct rv_arena *a, const struct rv_json *body,
	enum rv_authzen_search_kind kind, struct rv_buf *out, struct rv_err *err)
{
	struct rv_authzen_search s;
	RV_TRY(rv_authzen_read_search(a, body, kind, &s, err));
	put_item(out, &s.item);
	rv_buf_printf(out, " limit %zu token '%.*s'", s.limit, RV_FMT(s.token));
	return RV_OK;
}
static enum rv_code read_subjects(
	struct rv_arena *a, const struct rv_json *body, struct rv_buf *out, struct rv_err *err)
{
	return read_search(a, body, RV_AUTHZEN_SUBJECTS, out, err);
}
static enum rv_code read_resources(
	struct rv_arena *a, const struct rv_json *body, struct rv_buf *out, struct rv_err *err)
{
	return read_search(a, body, RV_AUTHZEN_RESOURCES, out, err);
}
static enum rv_code read_actions(
	struct rv_arena *a, const struct rv_json *body, struct rv_buf *out, struct rv_err *err)
{
	return read_search(a, body, RV_AUTHZEN_ACTIONS, out, err);
}

struct row {
	const char *in, *want; /* want: what is read, or "!" and part of the message */
};

static void check_rows(const struct row *rows, size_t n, read_fn *read)
{
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 16 << 20);
	for (size_t i = 0; i < n; i++) {
		RV_AUTO_BUF out;
		struct rv_err err = { 0 };
		const struct rv_json *body;
		char text[900];
		rv_buf_init(&out, 4096);
		enum rv_code code = rv_json_parse(&a, rv_str_of(rows[i].in), NULL, &body, &err);
		if (code == RV_OK)
			code = read(&a, body, &out, &err);
		const char *got =
			code == RV_OK ? rv_buf_z(&out) : rv_err_text(&err, text, sizeof text);
		bool ok = rows[i].want[0] == '!'
			? code == RV_EINVAL && strstr(got, rows[i].want + 1)
			: code == RV_OK && strcmp(got, rows[i].want) == 0;
		CHECKF(ok, "%s\ngot  %s\nwant %s", rows[i].in, got, rows[i].want);
	}
}

TEST(evaluations_read)
{
	static const struct row rows[] = {
		{ "{" S "," A "," R "}", "u:a r d:1" },
		{ "{\"context\":{}," S "," A "," R ",\"x\":[1],\"futureField\":null}",
			"u:a r d:1 ctx" },
		{ "{\"subject\":{\"type\":\"u\",\"id\":\"a\",\"properties\":{\"p\":1},\"more\":2}"
		  "," A "," R "}",
			"u:a+ r d:1" },
		{ "{\"subject\":{\"type\":\"u\",\"id\":\"a\",\"properties\":null}," A "," R
		  ",\"context\":null}",
			"u:a r d:1" },
		{ "{\"subject\":{\"type\":\"\",\"id\":\"\"},\"action\":{\"name\":\"\","
		  "\"properties\":{}},\"resource\":{\"type\":\"\\u00e4 b\",\"id\":\"\\u0000\"}}",
			": + \xc3\xa4 b:" },
		{ "[]", "!body: must be an object" },
		{ "\"x\"", "!body: must be an object" },
		{ "null", "!body: must be an object" },
		{ "{}", "!subject: missing" },
		{ "{" A "," R "}", "!subject: missing" },
		{ "{\"subject\":null," A "," R "}", "!subject: missing" },
		{ "{\"subject\":\"a\"," A "," R "}", "!subject: must be an object, not a string" },
		{ "{\"subject\":[]," A "," R "}", "!subject: must be an object" },
		{ "{\"subject\":{\"id\":\"a\"}," A "," R "}", "!subject.type: missing" },
		{ "{\"subject\":{\"type\":\"u\"}," A "," R "}", "!subject.id: missing" },
		{ "{\"subject\":{\"type\":\"u\",\"id\":7}," A "," R "}",
			"!subject.id: must be a string, not" },
		{ "{\"subject\":{\"type\":\"u\",\"id\":null}," A "," R "}",
			"!subject.id: must be a string, not" },
		{ "{\"subject\":{\"type\":\"u\",\"id\":\"a\",\"properties\":[]}," A "," R "}",
			"!subject.properties: must be an object" },
		{ "{" S "," R "}", "!action: missing" },
		{ "{" S ",\"action\":\"r\"," R "}", "!action: must be an object" },
		{ "{" S ",\"action\":{}," R "}", "!action.name: missing" },
		{ "{" S ",\"action\":{\"name\":123}," R "}",
			"!action.name: must be a string, not" },
		{ "{" S ",\"action\":{\"name\":\"r\",\"properties\":\"p\"}," R "}",
			"!action.properties: must be an object" },
		{ "{" S "," A "}", "!resource: missing" },
		{ "{" S "," A ",\"resource\":{\"type\":\"d\"}}", "!resource.id: missing" },
		{ "{" S "," A ",\"resource\":{\"id\":\"d\"}}", "!resource.type: missing" },
		{ "{" S "," A "," R ",\"context\":[]}", "!context: must be an object" },
		{ "{" S "," A "," R ",\"context\":\"x\"}", "!context: must be an object" },
		{ "{" S "," S "," A "," R "}", "!subject" }, /* twice */
		{ "{\"subject\":{\"type\":\"u\",\"id\":\"a\",\"id\":\"b\"}," A "," R "}", "!id" },
		{ "{" S "," A "," R "}x", "!" },
		{ "{" S "," A "," R ",}", "!" },
		{ "", "!" },
	};
	check_rows(rows, RV_COUNT(rows), read_one);
}

TEST(batches_read)
{
	static const struct row rows[] = {
		{ "{" S "," A "," R "}", "single 1 | u:a r d:1" },
		{ "{" S "," A "," R ",\"evaluations\":[]}", "single 1 | u:a r d:1" },
		{ "{" S "," A "," R ",\"evaluations\":null}", "single 1 | u:a r d:1" },
		{ "{" S "," A "," R ",\"evaluations\":[{}]}", "1 | u:a r d:1" },
		{ "{" S "," A ",\"evaluations\":[{" R "},{}]}",
			"1 | u:a r d:1 | [resource: missing]" },
		{ "{\"subject\":{\"type\":\"u\",\"id\":\"a\",\"properties\":{\"p\":1}}," A "," R
		  ",\"evaluations\":[{" S "},{}]}",
			"1 | u:a r d:1 | u:a+ r d:1" }, /* a member replaces the default whole */
		{ "{" S "," A "," R
		  ",\"context\":{\"a\":1},\"evaluations\":[{\"context\":null},{\"context\":{}}]}",
			"1 | u:a r d:1 ctx | u:a r d:1 ctx" },
		{ "{\"evaluations\":[{" S "," A "," R "},{" S "," A "," R "}]}",
			"1 | u:a r d:1 | u:a r d:1" },
		{ "{" S "," A "," R SEMANTIC("\"deny_on_first_deny\",\"x\":1"), "2 | u:a r d:1" },
		{ "{" S "," A "," R SEMANTIC("\"permit_on_first_permit\""), "3 | u:a r d:1" },
		{ "{" S "," A "," R ",\"options\":{},\"evaluations\":[{}]}", "1 | u:a r d:1" },
		{ "{" S "," A "," R ",\"evaluations\":[{\"subject\":\"x\"},{\"action\":{}}]}",
			"1 | [subject: must be an object, not a string] | [action.name: missing]" },
		{ "{" A "," R "}", "!subject: missing" },
		{ "{" S "," A "," R ",\"evaluations\":{}}", "!evaluations: must be an array" },
		{ "{" S "," A "," R ",\"evaluations\":\"x\"}", "!evaluations: must be an array" },
		{ "{" S "," A "," R ",\"evaluations\":[{},7]}",
			"!evaluations[1]: must be an object" },
		{ "{" S "," A "," R ",\"evaluations\":[null]}",
			"!evaluations[0]: must be an object" },
		{ "{\"subject\":7," A "," R ",\"evaluations\":[{" S "}]}",
			"!subject: must be an object" },
		{ "{" S "," A "," R ",\"context\":7,\"evaluations\":[{}]}",
			"!context: must be an object" },
		{ "{" S "," A "," R ",\"options\":7,\"evaluations\":[{}]}",
			"!options: must be an object" },
		{ "{" S "," A "," R
		  ",\"options\":{\"evaluations_semantic\":7},\"evaluations\":[{}]}",
			"!evaluations_semantic: must be a string" },
		{ "{" S "," A "," R
		  ",\"options\":{\"evaluations_semantic\":\"any\"},\"evaluations\":[{}]}",
			"!'any' is none of execute_all" },
		{ "[]", "!body: must be an object" },
	};
	check_rows(rows, RV_COUNT(rows), read_many);
}

TEST(searches_read)
{
	static const struct row subjects[] = {
		{ "{\"subject\":{\"type\":\"u\"}," A "," R "}", "u: r d:1 limit 1000 token ''" },
		{ "{" S "," A "," R ",\"page\":{\"limit\":5,\"token\":\"t\"}}",
			"u: r d:1 limit 5 token 't'" },
		{ "{" S "," A "," R ",\"page\":{\"limit\":99999}}",
			"u: r d:1 limit 1000 token ''" },
		{ "{" S "," A "," R ",\"page\":null}", "u: r d:1 limit 1000 token ''" },
		{ "{" S "," A "," R ",\"page\":{\"limit\":0}}", "!page.limit: must be" },
		{ "{" S "," A "," R ",\"page\":{\"limit\":-1}}", "!page.limit: must be" },
		{ "{" S "," A "," R ",\"page\":{\"limit\":1.5}}", "!page.limit: must be" },
		{ "{" S "," A "," R ",\"page\":{\"limit\":\"1\"}}", "!page.limit: must be" },
		{ "{" S "," A "," R ",\"page\":{\"token\":1}}", "!page.token: must be a string" },
		{ "{" S "," A "," R ",\"page\":[]}", "!page: must be an object" },
		{ "{\"subject\":{\"id\":\"a\"}," A "," R "}", "!subject.type: missing" },
		{ "{\"subject\":{\"type\":\"u\"}," R "}", "!action: missing" },
		{ "{\"subject\":{\"type\":\"u\"}," A ",\"resource\":{\"type\":\"d\"}}",
			"!resource.id: missing" },
	};
	static const struct row resources[] = {
		{ "{" S "," A ",\"resource\":{\"type\":\"d\"}}", "u:a r d: limit 1000 token ''" },
		{ "{" S "," A ",\"resource\":{}}", "!resource.type: missing" },
		{ "{\"subject\":{\"type\":\"u\"}," A ",\"resource\":{\"type\":\"d\"}}",
			"!subject.id: missing" },
	};
	static const struct row actions[] = {
		{ "{" S "," R "}", "u:a  d:1 limit 1000 token ''" },
		{ "{" S ",\"action\":7," R "}", "u:a  d:1 limit 1000 token ''" },
		{ "{" S "}", "!resource: missing" },
		{ "{" R "}", "!subject: missing" },
	};
	check_rows(subjects, RV_COUNT(subjects), read_subjects);
	check_rows(resources, RV_COUNT(resources), read_resources);
	check_rows(actions, RV_COUNT(actions), read_actions);
}

TEST(batch_limit_is_exact)
{
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 64 << 20);
	for (int n = RV_AUTHZEN_ITEMS_MAX - 1; n <= RV_AUTHZEN_ITEMS_MAX + 1; n++) {
		RV_AUTO_BUF text;
		rv_buf_init(&text, 1 << 20);
		rv_buf_addz(&text, "{" S "," A "," R ",\"evaluations\":[{}");
		for (int i = 1; i < n; i++)
			rv_buf_addz(&text, ",{}");
		rv_buf_addz(&text, "]}");
		const struct rv_json *body;
		struct rv_authzen_batch b;
		struct rv_err err = { 0 };
		REQUIRE_OK(rv_json_parse(&a, rv_buf_str(&text), NULL, &body, &err), &err);
		enum rv_code code = rv_authzen_read_evaluations(&a, body, &b, &err);
		CHECKF(code == (n <= RV_AUTHZEN_ITEMS_MAX ? RV_OK : RV_ELIMIT), "%d items: %s", n,
			rv_code_name(code));
	}
}

TEST(answers_written)
{
	RV_AUTO_BUF out;
	struct rv_json_w w;
	rv_buf_init(&out, 4096);
	rv_json_w_init(&w, &out);
	rv_json_w_arr(&w);
	rv_authzen_write_decision(&w, true, (struct rv_str){ NULL, 0 });
	rv_authzen_write_decision(&w, false, RV_STR("{\"a\":1}"));
	rv_authzen_write_error(&w, RV_EINVAL, RV_STR("a \"b\""));
	rv_json_w_arr_end(&w);
	CHECK_STR(rv_buf_str(&out),
		"[{\"decision\":true},{\"decision\":false,\"context\":{\"a\":1}},{\"decision\":"
		"false,\"context\":{\"error\":{\"status\":400,\"message\":\"a \\\"b\\\"\"}}}]");
	rv_buf_clear(&out);
	rv_json_w_init(&w, &out);
	rv_authzen_write_metadata(&w, RV_STR("https://p"), false);
	CHECK_STR(rv_buf_str(&out),
		"{\"policy_decision_point\":\"https://p\",\"access_evaluation_endpoint\":\"https://"
		"p/access/v1/evaluation\",\"access_evaluations_endpoint\":\"https://p/access/v1/"
		"evaluations\"}");
}

MAIN()
