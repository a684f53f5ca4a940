/* What is kept of arguments: commitments that show nothing, clear text that only its key opens. */
#include "base/enc.h"
#include "governance/governance.h"
#include "tests/harness.h"

static struct rv_seal_key key_of(uint8_t fill)
{
	struct rv_seal_key k;
	memset(k.b, fill, sizeof k.b);
	return k;
}

TEST(opened_by_its_key_and_context_alone)
{
	RV_AUTO_BUF sealed = { 0 }, again = { 0 }, clear = { 0 };
	struct rv_seal_key k = key_of(1), other = key_of(2);
	struct rv_err err = { 0 };
	struct rv_str text = RV_STR("move 4711 to account 12");
	rv_buf_init(&sealed, 4096);
	rv_buf_init(&again, 4096);
	rv_buf_init(&clear, 4096);
	REQUIRE_OK(rv_seal(&k, text, RV_STR("bot"), &sealed, &err), &err);
	REQUIRE_OK(rv_seal(&k, text, RV_STR("bot"), &again, &err), &err);
	CHECK(!memmem(sealed.p, sealed.n, "4711", 4));
	CHECK(!rv_str_eq(rv_buf_str(&sealed), rv_buf_str(&again))); /* equal texts look different */
	REQUIRE_OK(rv_unseal(&k, rv_buf_str(&sealed), RV_STR("bot"), &clear, &err), &err);
	CHECK_STR(rv_buf_str(&clear), "move 4711 to account 12");
	rv_buf_clear(&clear);
	CHECK(rv_unseal(&other, rv_buf_str(&sealed), RV_STR("bot"), &clear, NULL) == RV_ECORRUPT);
	CHECK(rv_unseal(&k, rv_buf_str(&sealed), RV_STR("bo"), &clear, NULL) == RV_ECORRUPT);
	for (size_t i = 0; i < sealed.n; i++) {
		sealed.p[i] ^= 1;
		CHECKF(rv_unseal(&k, rv_buf_str(&sealed), RV_STR("bot"), &clear, NULL) ==
				RV_ECORRUPT,
			"byte %zu", i);
		sealed.p[i] ^= 1;
		struct rv_str cut = rv_str_n(sealed.p, i);
		CHECKF(rv_unseal(&k, cut, RV_STR("bot"), &clear, NULL) == RV_ECORRUPT, "cut at %zu",
			i);
	}
	CHECK(clear.n == 0);
}

/* Commits to an object of JSON text. */
static void commit(const char *json, struct rv_buf *commitments, struct rv_buf *side)
{
	RV_AUTO_ARENA a = { 0 };
	struct rv_err err = { 0 };
	const struct rv_json *v;
	rv_arena_init(&a, 1 << 20);
	rv_buf_init(commitments, 1 << 20);
	rv_buf_init(side, 1 << 20);
	REQUIRE_OK(rv_json_parse(&a, rv_str_of(json), NULL, &v, &err), &err);
	REQUIRE_OK(rv_args_commit(v, commitments, side, &err), &err);
}

TEST(commitments_show_nothing_and_bind_everything)
{
	static const char ARGS[] = "{\"amount\":\"12.50\",\"to\":{\"b\":1,\"a\":[true]}}";
	RV_AUTO_BUF c = { 0 }, side = { 0 }, c2 = { 0 }, side2 = { 0 };
	commit(ARGS, &c, &side);
	commit(ARGS, &c2, &side2);
	CHECK(!memmem(c.p, c.n, "12.50", 5) && memmem(side.p, side.n, "12.50", 5));
	CHECK(!rv_str_eq(
		rv_buf_str(&c), rv_buf_str(&c2))); /* salted: equal values look different */
	CHECK(rv_args_verify(rv_buf_str(&c), rv_buf_str(&side), NULL) == RV_OK);
	CHECK(rv_args_verify(rv_buf_str(&c2), rv_buf_str(&side), NULL) == RV_ECORRUPT);
	/* A value, a salt, a name, a field more, a field fewer. */
	static const struct {
		const char *from, *to;
	} changes[] = { { "12.50", "12.51" }, { "true", "null" }, { "\"b\":1", "\"b\":2" },
		{ "\"amount\"", "\"amounu\"" }, { "\"salt\":\"", "\"salt\":\"0" } };
	for (size_t i = 0; i < RV_COUNT(changes); i++) {
		RV_AUTO_BUF bad = { 0 };
		struct rv_err err = { 0 };
		rv_buf_init(&bad, 1 << 20);
		const char *at = memmem(side.p, side.n, changes[i].from, strlen(changes[i].from));
		REQUIRE(at);
		rv_buf_add(&bad, rv_str_n(side.p, (size_t)(at - side.p)));
		rv_buf_addz(&bad, changes[i].to);
		at += strlen(changes[i].from);
		rv_buf_add(&bad, rv_str_n(at, (size_t)(side.p + side.n - at)));
		CHECKF(rv_args_verify(rv_buf_str(&c), rv_buf_str(&bad), &err) != RV_OK &&
				err.msg[0],
			"change %zu", i);
	}
	CHECK(rv_args_verify(rv_buf_str(&c), RV_STR("{}"), NULL) != RV_OK);
	CHECK(rv_args_verify(RV_STR("{}"), rv_buf_str(&side), NULL) != RV_OK);
}

/* Recomputed from the words of governance.h, by nothing of seal.c: a verifier can do the same. */
TEST(commitments_are_as_described)
{
	RV_AUTO_BUF c = { 0 }, side = { 0 };
	RV_AUTO_ARENA a = { 0 };
	const struct rv_json *commitments, *sides;
	uint8_t salt[16];
	char hex[65];
	struct rv_sha256 h;
	commit("{\"to\":{\"b\":1,\"a\":\"x\"}}", &c, &side);
	rv_arena_init(&a, 1 << 20);
	REQUIRE(rv_json_parse(&a, rv_buf_str(&c), NULL, &commitments, NULL) == RV_OK);
	REQUIRE(rv_json_parse(&a, rv_buf_str(&side), NULL, &sides, NULL) == RV_OK);
	const struct rv_json *s = rv_json_get(rv_json_get(sides, "to"), "salt");
	REQUIRE(rv_json_is(s, RV_JSON_STR) && rv_hex_parse(s->str, salt, sizeof salt));
	const struct rv_str parts[] = { rv_str_n(salt, sizeof salt), RV_STR("\0\0\0\2"),
		RV_STR("to"), RV_STR("{\"a\":\"x\",\"b\":1}") };
	rv_sha256_parts(parts, RV_COUNT(parts), &h);
	rv_hex_z(h.b, sizeof h.b, hex);
	const struct rv_json *got = rv_json_get(commitments, "to");
	REQUIRE(rv_json_is(got, RV_JSON_STR));
	CHECK_STR(got->str, hex);
}

MAIN()
