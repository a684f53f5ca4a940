/* Any bytes as a query: parsed or refused with a place within it; a parsed one can be asked of any
 * event, and of a shard that holds it: what the index says must not contradict the event. */
#include "search/search_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char EVENT[] =
	"{\"id\":\"01930000-0000-7000-8000-000000000001\",\"kind\":\"decision\",\"actor\":{"
	"\"type\":"
	"\"person\",\"id\":\"ana\"},\"system\":\"bot-1\",\"action\":\"deploy\",\"resource\":{"
	"\"type\":"
	"\"db\",\"id\":\"finance\"},\"outcome\":\"deny\",\"reasons\":[{\"policy\":\"p1\",\"text\":"
	"\"two words here\"}],\"policy_version\":3,\"detail\":{\"amount\":\"12.50\"}}";

static bool in(const uint64_t *set)
{
	return set[0] & 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct rv_rows frames[RV_EVAL_FRAMES];
	static struct rv_build *b;
	static struct rv_doc d;
	const struct rv_sha256 leaf = { { 0 } };
	const struct rv_search_query *q;
	struct rv_err err = { 0 };
	RV_AUTO_ARENA a;
	RV_AUTO_BUF caret;
	rv_arena_init(&a, 1 << 22);
	rv_buf_init(&caret, 1 << 16);
	if (!b) {
		rv_doc_init(&d);
		rv_assert(rv_doc_load(&d, rv_str_of(EVENT), NULL) == RV_OK);
		b = rv_build_new(7, 16);
		rv_assert(b && rv_build_add(b, &d, RV_NS_PER_S, &leaf));
	}
	if (rv_query_parse(&a, rv_str_n(data, n), INT64_C(1764000000) * RV_NS_PER_S, &q, &err) !=
		RV_OK) {
		rv_assert(err.msg[0]);
		rv_assert(err.code != RV_EINVAL ||
			(err.line == 1 && err.col >= 1 && err.col <= n + 1));
		rv_query_caret(rv_str_n(data, n), &err, &caret);
		return 0;
	}
	const struct rv_view v = { .build = b };
	bool fits = rv_doc_match(q, &d, 7, RV_NS_PER_S);
	rv_eval(&v, q, frames);
	rv_assert(!in(frames->must) || fits);
	rv_assert(!fits || in(frames->may));
	return 0;
}
