#include "points/authzen/authzen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_item(const struct rv_authzen_item *i)
{
	if (i->code != RV_OK) {
		rv_assert(i->message && i->message[0]);
		return;
	}
	rv_assert(rv_str_is_utf8(i->subject.type) && rv_str_is_utf8(i->resource.type) &&
		rv_str_is_utf8(i->action));
	rv_assert(!i->context || i->context->type == RV_JSON_OBJ);
	rv_assert(!i->subject.properties || i->subject.properties->type == RV_JSON_OBJ);
}

/* Every reader over every body: what is accepted holds what the header promises, what is refused
 * says why. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 16 << 20);
	const struct rv_json *body;
	struct rv_authzen_item item;
	struct rv_authzen_batch batch;
	struct rv_authzen_search search;
	struct rv_err err = { 0 };
	if (rv_json_parse(&a, rv_str_n(data, n), NULL, &body, NULL) != RV_OK)
		return 0;
	if (rv_authzen_read_evaluation(&a, body, &item, &err) == RV_OK)
		check_item(&item);
	else
		rv_assert(err.msg[0]);
	if (rv_authzen_read_evaluations(&a, body, &batch, NULL) == RV_OK) {
		rv_assert(batch.n > 0 && batch.n <= RV_AUTHZEN_ITEMS_MAX);
		for (size_t i = 0; i < batch.n; i++)
			check_item(&batch.items[i]);
	}
	for (int kind = RV_AUTHZEN_SUBJECTS; kind <= RV_AUTHZEN_ACTIONS; kind++)
		if (rv_authzen_read_search(
			    &a, body, (enum rv_authzen_search_kind)kind, &search, NULL) == RV_OK)
			rv_assert(search.limit >= 1 && search.limit <= RV_AUTHZEN_PAGE_MAX);
	return 0;
}
