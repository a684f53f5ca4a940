/* The query language: what parses, what it means for one event, and where errors point. */
#include "base/file.h"
#include "search/search_int.h"
#include "tests/harness.h"

#define NOW (INT64_C(1764000000) * RV_NS_PER_S)

static const char EVENT[] =
	"{\"id\":\"01930000-0000-7000-8000-000000000001\",\"time\":\"2026-11-23T07:00:00.000000Z\","
	"\"kind\":\"approval.opened\",\"actor\":{\"type\":\"person\",\"id\":\"ana\"},"
	"\"system\":\"deploy-bot\",\"owner\":\"sam\",\"on_behalf_of\":\"kim\",\"action\":\"deploy-"
	"all\","
	"\"effect\":\"write\",\"resource\":{\"type\":\"db\",\"id\":\"finance/"
	"eu\"},\"outcome\":\"deny\","
	"\"reasons\":[{\"policy\":\"prod-guard\",\"code\":\"forbid\",\"text\":\"No deploys on "
	"Friday: it\\u2019s late\"},{\"policy\":\"base\"}],\"policy_version\":12,\"generation\":40,"
	"\"snapshot\":\"sha256:00112233445566778899aabbccddeeff\",\"args_digest\":\"sha256:"
	"9f86d081884c7d659a2feaa0c55ad015\",\"args\":{\"secret\":\"commitment\"},"
	"\"point\":\"runner\",\"session\":\"s-1\",\"trace\":\"4bf92f3577b34da6a3ce929d0e0e4736\","
	"\"evidence\":\"enforced\",\"detail\":{\"amount\":\"12.50\",\"n\":77,\"list\":[\"alpha "
	"beta\",\"gamma\"],\"star\":\"a*b\"}}";

struct want {
	const char *query;
	bool fits;
};
static const struct want wants[] = {
	{ "", true },
	{ "system:deploy-bot", true },
	{ "system:deploy", false },
	{ "system:deploy*", true },
	{ "system:*bot", true },
	{ "system:*ploy*", true },
	{ "system:d*y-*t", true },
	{ "system:*x*", false },
	{ "system:*", true },
	{ "system:Deploy-bot", false },
	{ "kind:approval.*", true },
	{ "resource:\"db/finance*\"", true },
	{ "resource:db/finance/eu", true },
	{ "resource:*/finance/eu", true },
	{ "resource:finance*", false },
	{ "actor:ana", true },
	{ "actor:person/ana", true },
	{ "actor:system/ana", false },
	{ "person:ana", true },
	{ "person:kim", true },
	{ "person:sam", false },
	{ "owner:sam", true },
	{ "behalf:kim", true },
	{ "policy:prod-guard policy:base", true },
	{ "policy:prod", false },
	{ "reason:forbid", true },
	{ "point:runner evidence:enforced effect:write", true },
	{ "policy_version:12", true },
	{ "policy_version:3..12", true },
	{ "policy_version:13..", false },
	{ "policy_version:..12", true },
	{ "policy_version:>12", false },
	{ "policy_version:>=12", true },
	{ "policy_version:<12", false },
	{ "policy_version:*", true },
	{ "amount:12.5", true },
	{ "amount:12.50..12.51", true },
	{ "amount:>12.5", false },
	{ "amount:>12.4999", true },
	{ "amount:<=12.5", true },
	{ "amount:>-3", true },
	{ "id:01930000-0000-7000-8000-000000000001", true },
	{ "trace:01930000-0000-7000-8000-000000000001", false },
	{ "01930000-0000-7000-8000-000000000001", true },
	{ "4bf92f3577b34da6a3ce929d0e0e4736", true },
	{ "trace:4bf92f3577b34da6a3ce929d0e0e4736", true },
	{ "\"sha256:00112233445566778899aabbccddeeff\"", true },
	{ "00112233445566778899aabbccddeeff", true },
	{ "args:sha256:9f86d081884c7d659a2feaa0c55ad015", true },
	{ "args:9f86d081884c7d659a2feaa0c55ad015", true },
	{ "session:s-1", true },
	{ "session:s-2", false },
	{ "friday", true },
	{ "FRIDAY", true },
	{ "\"deploys on friday\"", true },
	{ "\"deploys friday\"", false },
	{ "deploys friday", true },
	{ "\"friday: it\xe2\x80\x99s late\"", true },
	{ "fri*", true },
	{ "fri", false },
	{ "\"on fri*\"", true },
	{ "\"on fry*\"", false },
	{ "\"beta gamma\"", false },
	{ "\"alpha beta\"", true },
	{ "77", true },
	{ "commitment", false },
	{ "2026", false },
	{ "text:friday", true },
	{ "text:(monday OR friday)", true },
	{ "outcome:deny OR system:x", true },
	{ "outcome:allow OR system:x", false },
	{ "outcome:allow system:x OR outcome:deny", true },
	{ "outcome:deny (system:x OR action:deploy*)", true },
	{ "outcome:deny AND system:deploy-bot", true },
	{ "NOT outcome:deny", false },
	{ "-outcome:allow", true },
	{ "NOT NOT outcome:deny", true },
	{ "NOT (outcome:allow OR system:x)", true },
	{ "-(outcome:deny system:deploy-bot)", false },
	{ "outcome:(allow OR deny)", true },
	{ "outcome:(allow OR hold)", false },
	{ "system:(deploy* -*x*)", true },
	{ "since:1h", true },
	{ "since:now", false },
	{ "until:1h", false },
	{ "until:now", true },
	{ "since:2025-11-24 until:2025-11-25", true },
	{ "time:2025-11-24..2025-11-25", true },
	{ "time:2025-11-24..2025-11-24T15:00:00Z", false },
	{ "time:>=30m", true },
	{ "seq:42", true },
	{ "seq:41..43", true },
	{ "seq:43..", false },
	{ "seq:..41", false },
	{ "\"a\\*b\"", true },
	{ "system:\"deploy\\*\"", false },
	{ "system:\"deploy-bot\" \"Friday\"", true },
	{ "and_", false },
};

TEST(what_fits_one_event)
{
	RV_AUTO_ARENA a;
	struct rv_ledger_entry e = {
		.seq = 42, .logged_ns = NOW - RV_NS_PER_S, .event = rv_str_of(EVENT)
	};
	rv_arena_init(&a, 1 << 20);
	for (size_t i = 0; i < RV_COUNT(wants); i++) {
		const struct rv_search_query *q;
		struct rv_err err = { 0 };
		bool fits = !wants[i].fits;
		rv_arena_clear(&a);
		REQUIRE_OK(rv_query_parse(&a, rv_str_of(wants[i].query), NOW, &q, &err), &err);
		REQUIRE_OK(rv_query_match(q, &e, &fits, &err), &err);
		CHECKF(fits == wants[i].fits, "%s: %d", wants[i].query, fits);
	}
}

TEST(bad_queries_point_at_the_column)
{
	static const struct {
		const char *in;
		uint32_t col;
		const char *says;
	} cases[] = {
		{ ":x", 1, "without a key" },
		{ "user:x", 1, "no key 'user'; there are" },
		{ "sytem:x", 1, "did you mean 'system'" },
		{ "outcome:deny otcome:x", 14, "did you mean 'outcome'" },
		{ "System:x", 1, "did you mean 'system'" },
		{ "system:", 8, "no value" },
		{ "system: x", 8, "no value" },
		{ "system:\"\"", 8, "missing" },
		{ "\"\"", 1, "missing" },
		{ "\"--\"", 1, "no word" },
		{ "trace:abc*", 7, "whole id" },
		{ "\"open", 1, "not closed" },
		{ "system:\"open", 8, "not closed" },
		{ "\"a\\n\"", 3, "only" },
		{ "\"a\\", 3, "only" },
		{ "\"a\"b", 4, "blank belongs" },
		{ "system:\"a\"b", 11, "blank belongs" },
		{ "system:a\"b", 9, "middle of a word" },
		{ "since:soon", 7, "is not a time" },
		{ "until:-1h", 7, "is not a time" },
		{ "until:2026-13-01T00:00:00Z", 7, "is not a time" },
		{ "since:2026-02-30", 7, "is not a time" },
		{ "since:1*", 7, "no '*'" },
		{ "time:2026-01-02..2026-01-01", 6, "empty" },
		{ "time:..", 6, "at least one end" },
		{ "time:1h..x", 10, "is not a time" },
		{ "seq:-1", 5, "not a number" },
		{ "seq:9..3", 5, "empty" },
		{ "seq:5..x", 8, "not a number" },
		{ "seq:>", 6, "not a number" },
		{ "amount:abc", 8, "not a number" },
		{ "amount:1.23456", 8, "not a number" },
		{ "amount:>=x", 10, "not a number" },
		{ "policy_version:1e3", 16, "not a number" },
		{ "(system:a", 1, "not closed" },
		{ "system:a)", 9, "never opened" },
		{ "()", 2, "where a term is expected" },
		{ "(system:a)b", 11, "blank belongs" },
		{ "OR system:a", 1, "between two terms" },
		{ "system:a OR", 12, "ends where a term" },
		{ "system:a AND", 13, "ends where a term" },
		{ "system:a AND OR system:b", 14, "between two terms" },
		{ "NOT", 4, "ends where a term" },
		{ "system:a and system:b", 10, "capitals" },
		{ "system:a or system:b", 10, "capitals" },
		{ "not system:b", 1, "capitals" },
		{ "outcome:(system:a)", 10, "values only" },
		{ "outcome:(deny", 9, "not closed" },
		{ "a*b", 1, "only stand last" },
		{ "\"a *\"", 1, "only stand last" },
		{ "*", 1, "no word" },
		{ "system:\xff", 1, "UTF-8" },
		{ "system:a\n", 9, "control" },
	};
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 20);
	for (size_t i = 0; i < RV_COUNT(cases); i++) {
		const struct rv_search_query *q;
		struct rv_err err = { 0 };
		enum rv_code code = rv_query_parse(&a, rv_str_of(cases[i].in), NOW, &q, &err);
		CHECKF(code == RV_EINVAL && err.col == cases[i].col &&
				strstr(err.msg, cases[i].says),
			"%s: column %u: %s", cases[i].in, err.col, err.msg);
	}
}

static void many(char *out, const char *piece, size_t n, const char *end)
{
	size_t k = strlen(piece);
	for (size_t i = 0; i < n; i++)
		memcpy(out + i * k, piece, k);
	memcpy(out + n * k, end, strlen(end) + 1);
}

TEST(limits)
{
	static char text[RV_QUERY_BYTES + 2];
	const struct rv_search_query *q;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 8 << 20);
	memset(text, ' ', RV_QUERY_BYTES + 1);
	CHECK(rv_query_parse(&a, rv_str_n(text, RV_QUERY_BYTES), NOW, &q, NULL) == RV_OK);
	CHECK(rv_query_parse(&a, rv_str_n(text, RV_QUERY_BYTES + 1), NOW, &q, NULL) == RV_ELIMIT);
	for (int over = 0; over <= 1; over++) {
		enum rv_code want = over ? RV_ELIMIT : RV_OK;
		many(text, "(", RV_QUERY_DEPTH + over, "a");
		size_t n = strlen(text);
		memset(text + n, ')', RV_QUERY_DEPTH + over);
		CHECK(rv_query_parse(&a, rv_str_n(text, n + RV_QUERY_DEPTH + over), NOW, &q,
			      NULL) == want);
		many(text, "NOT ", RV_QUERY_DEPTH + over, "a");
		CHECK(rv_query_parse(&a, rv_str_of(text), NOW, &q, NULL) == want);
		many(text, "-", RV_QUERY_DEPTH + over, "a");
		CHECK(rv_query_parse(&a, rv_str_of(text), NOW, &q, NULL) == want);
		many(text, "a ", RV_QUERY_TERMS + over, "");
		CHECK(rv_query_parse(&a, rv_str_of(text), NOW, &q, NULL) == want);
		many(text, "(a) ", RV_QUERY_TERMS + over, ""); /* beside, not within, one another */
		CHECK(rv_query_parse(&a, rv_str_of(text), NOW, &q, NULL) == want);
	}
}

TEST(a_caret_stands_below_the_mistake)
{
	static const struct {
		const char *in, *want;
	} cases[] = {
		{ "system:a sytem:b", "  system:a sytem:b\n           ^\n" },
		{ "\xc3\xa9\xc3\xa9 (", "  \xc3\xa9\xc3\xa9 (\n      ^\n" },
		{ "a OR", "  a OR\n      ^\n" },
	};
	for (size_t i = 0; i < RV_COUNT(cases); i++) {
		const struct rv_search_query *q;
		struct rv_err err = { 0 };
		RV_AUTO_ARENA a;
		RV_AUTO_BUF b;
		rv_arena_init(&a, 1 << 20);
		rv_buf_init(&b, 4096);
		CHECK(rv_query_parse(&a, rv_str_of(cases[i].in), NOW, &q, &err) == RV_EINVAL);
		rv_query_caret(rv_str_of(cases[i].in), &err, &b);
		CHECK_STR(rv_buf_str(&b), cases[i].want);
	}
	/* A long query is shown around the place only. */
	char text[600];
	struct rv_err err = { 0 };
	const struct rv_search_query *q;
	RV_AUTO_ARENA a;
	RV_AUTO_BUF b;
	rv_arena_init(&a, 1 << 20);
	rv_buf_init(&b, 4096);
	memset(text, 'a', 500);
	snprintf(text + 500, sizeof text - 500, " sytem:b");
	CHECK(rv_query_parse(&a, rv_str_of(text), NOW, &q, &err) == RV_EINVAL);
	rv_query_caret(rv_str_of(text), &err, &b);
	CHECK(b.n < 200);
}

TEST(events_that_concern_somebody)
{
	static const struct want people[] = { { "sam", true }, { "ana", true }, { "kim", true },
		{ "bob", false }, { "", false } };
	struct rv_ledger_entry e = { .event = rv_str_of(EVENT) };
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 20);
	for (size_t i = 0; i < RV_COUNT(people); i++)
		for (int k = 0; k < 3; k++) {
			static const char *const text[] = { "", "outcome:deny", "outcome:allow" };
			const struct rv_search_query *q;
			struct rv_err err = { 0 };
			bool fits;
			REQUIRE_OK(rv_query_parse(&a, rv_str_of(text[k]), NOW, &q, &err), &err);
			q = rv_query_concerning(&a, q, rv_str_of(people[i].query));
			REQUIRE(q);
			REQUIRE_OK(rv_query_match(q, &e, &fits, &err), &err);
			CHECKF(fits == (people[i].fits && k < 2), "%s, %s", people[i].query,
				text[k]);
		}
}

TEST(every_field_has_an_example_that_parses)
{
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 20);
	for (unsigned f = 0; f < RV_FIELD_COUNT; f++) {
		const struct rv_search_query *q;
		struct rv_err err = { 0 };
		const struct rv_field_info *i = rv_field_info((enum rv_field)f);
		REQUIRE_OK(rv_query_parse(&a, rv_str_of(i->example), NOW, &q, &err), &err);
		CHECKF(q->field == f, "%s", i->example);
	}
}

/* docs/search.md has a row for each field, and none for others. */
TEST(the_document_tells_every_field)
{
	struct rv_err err = { 0 };
	struct rv_str text, line;
	char path[1000], row[600];
	size_t rows = 0;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 20);
	const char *source = getenv("RV_SOURCE");
	REQUIRE(source);
	snprintf(path, sizeof path, "%s/docs/search.md", source);
	REQUIRE_OK(rv_file_read(&a, path, 1 << 18, &text, &err), &err);
	for (unsigned f = 0; f < RV_FIELD_COUNT; f++) {
		const struct rv_field_info *i = rv_field_info((enum rv_field)f);
		snprintf(row, sizeof row, "\n| `%s` | %s | `%s` | `%s` |\n", i->name,
			i->is_word ? "words" : "id", i->where, i->example);
		CHECKF(memmem(text.p, text.n, row, strlen(row)), "no row:%s", row);
	}
	while (rv_str_split(&text, '\n', &line))
		rows += rv_str_starts(line, RV_STR("| `")) &&
			memmem(line.p, line.n, "` | words |", 11);
	for (unsigned f = 0; f < RV_FIELD_COUNT; f++)
		rows -= rv_field_info((enum rv_field)f)->is_word;
	CHECK(rows == 0);
}

TEST(what_is_no_event)
{
	static const char *const bad[] = { "", "[]", "{", "{\"a\":1}x", "\"x\"" };
	for (size_t i = 0; i < RV_COUNT(bad); i++) {
		struct rv_ledger_entry e = { .event = rv_str_of(bad[i]) };
		bool fits;
		CHECKF(rv_query_match(NULL, &e, &fits, NULL) == RV_EINVAL, "%s", bad[i]);
	}
	/* Members of another type than expected are no words, and no harm. */
	struct rv_ledger_entry e = { .event = RV_STR_INIT(
					     "{\"kind\":7,\"actor\":\"x\",\"resource\":[],"
					     "\"reasons\":{\"policy\":\"p\"},"
					     "\"detail\":3,\"id\":null,\"on_behalf_of\":{\"a\":"
					     "\"deep\"},\"session\":true}") };
	struct rv_doc d;
	rv_doc_init(&d);
	CHECK(rv_doc_load(&d, e.event, NULL) == RV_OK);
	CHECK(d.n_ids == 0);
	rv_doc_done(&d);
}

MAIN()
