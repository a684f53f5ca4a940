/* Entity documents and the store. */
#include <stdio.h>

#include "base/buf.h"
#include "tests/cedar/text.h"
#include "tests/harness.h"

static void one_case(struct rv_str head, struct rv_str text)
{
	static const struct {
		const char *word;
		cedar_code code;
	} codes[] = { { "ok", CEDAR_OK }, { "parse", CEDAR_EPARSE }, { "exist", CEDAR_EEXIST },
		{ "cycle", CEDAR_ECYCLE }, { "limit", CEDAR_ELIMIT } };
	cedar_error e = { .code = CEDAR_OK };
	cedar_entities *es = NULL;
	struct rv_str word, rest = head;
	REQUIRE(rv_str_split(&rest, ' ', &word));
	cedar_code got = cedar_entities_parse_json(cs(text), &es, &e), want = (cedar_code)99;
	for (size_t i = 0; i < RV_COUNT(codes); i++)
		if (rv_str_eqz(word, codes[i].word))
			want = codes[i].code;
	CHECKF(got == want, "%.*s: %.*s: got %d %s", RV_FMT(head), RV_FMT(text), got, e.message);
	if (got == CEDAR_OK) {
		char n[24];
		snprintf(n, sizeof n, "%zu", cedar_entities_count(es));
		CHECKF(rv_str_eqz(rest, n), "%.*s: %s entities", RV_FMT(text), n);
	} else {
		CHECKF(!rest.n || memmem(e.message, strlen(e.message), rest.p, rest.n),
			"%.*s: '%s'", RV_FMT(head), e.message);
	}
	cedar_entities_free(es);
}

TEST(documents)
{
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 24);
	struct rv_str rest, head, body;
	size_t n = 0;
	REQUIRE(text_read(&a, "entities.txt", &rest));
	while (text_case(&rest, &head, &body)) {
		one_case(head, body);
		n++;
	}
	CHECK(n > 35);
}

TEST(values_nest_to_a_limit)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 20);
	for (size_t depth = 30; depth <= 30000; depth *= 10) {
		cedar_entities *es = NULL;
		cedar_error e = { .code = CEDAR_OK };
		rv_buf_clear(&b);
		rv_buf_addz(&b,
			"[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"parents\":[],\"attrs\":{\"x\":");
		for (size_t i = 0; i < depth; i++)
			rv_buf_addz(&b, "[");
		for (size_t i = 0; i < depth; i++)
			rv_buf_addz(&b, "]");
		rv_buf_addz(&b, "}}]");
		cedar_code code = cedar_entities_parse_json(cs(rv_buf_str(&b)), &es, &e);
		CHECKF(code == (depth == 30 ? CEDAR_OK : CEDAR_ELIMIT), "%zu: %d %s", depth, code,
			e.message);
		cedar_entities_free(es);
	}
}

static cedar_uid uid(const char *type, const char *id)
{
	return cedar_uid_of(cedar_z(type), cedar_z(id));
}

/* A chain of groups, a diamond, and a parent that is nowhere. */
TEST(ancestors)
{
	enum { N = 2000 };
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 24);
	cedar_entity *list = rv_arena_array(&a, N + 1, sizeof *list);
	REQUIRE(list);
	for (int i = 0; i < N; i++) {
		cedar_uid *parents = rv_arena_array(&a, 2, sizeof *parents);
		REQUIRE(parents);
		parents[0] = uid("G", rv_arena_printf(&a, "%d", i + 1));
		parents[1] = uid("G", "nowhere");
		list[i] = (cedar_entity){ .uid = uid("G", rv_arena_printf(&a, "%d", i)),
			.parents = parents,
			.n_parents = i % 100 == 0 ? 2 : 1 };
	}
	cedar_entities *es;
	cedar_error e = { .code = CEDAR_OK };
	REQUIRE(cedar_entities_new(list, N, &es, &e) == CEDAR_OK);
	const cedar_uid first = uid("G", "0"), last = uid("G", "1999"), beyond = uid("G", "2000"),
			nowhere = uid("G", "nowhere"), other = uid("H", "5");
	CHECK(cedar_entities_in(es, &first, &first));
	CHECK(cedar_entities_in(es, &first, &last));
	CHECK(cedar_entities_in(es, &first, &beyond));
	CHECK(cedar_entities_in(es, &last, &beyond));
	CHECK(!cedar_entities_in(es, &last, &first));
	CHECK(cedar_entities_in(es, &first, &nowhere));
	CHECK(!cedar_entities_in(es, &last, &nowhere));
	CHECK(!cedar_entities_in(es, &first, &other) && !cedar_entities_in(es, &other, &first));
	CHECK(cedar_entities_in(es, &other, &other));
	CHECK(cedar_entities_find(es, &first) && !cedar_entities_find(es, &beyond));
	cedar_entities_free(es);
	/* Closing the chain makes a circle. */
	list[N] = (cedar_entity){ .uid = uid("G", "2000"), .parents = &first, .n_parents = 1 };
	CHECK(cedar_entities_new(list, N + 1, &es, &e) == CEDAR_ECYCLE);
}

MAIN()
