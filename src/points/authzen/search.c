/* Search by trying: every stored entity of the type (or every stored action) is put in the place
 * that is looked for, and those that are allowed are the results, in the order of the store. A
 * page's token is where to go on and what the question was, so that it cannot be used with another.
 */
#include <inttypes.h>
#include <stdio.h>

#include "points/authzen/pdp_int.h"

enum { TRIES_MAX = 200000 }; /* a page; the token goes on from there */

static uint64_t mix(uint64_t seed, struct rv_str s)
{
	return rv_str_hash(s, seed * 31 + s.n);
}

static uint64_t mix_json(uint64_t seed, const struct rv_json *v)
{
	RV_AUTO_BUF b;
	struct rv_json_w w;
	rv_buf_init(&b, 4 << 20);
	rv_json_w_init(&w, &b);
	if (v)
		rv_json_w_value(&w, v);
	return mix(seed, rv_buf_str(&b));
}

static uint64_t question_hash(const struct rv_authzen_search *s)
{
	const struct rv_authzen_item *q = &s->item;
	uint64_t h = (uint64_t)s->kind;
	h = mix(mix(h, q->subject.type), q->subject.id);
	h = mix(mix(mix(h, q->resource.type), q->resource.id), q->action);
	h = mix_json(mix_json(h, q->subject.properties), q->resource.properties);
	return mix_json(mix_json(h, q->action_properties), q->context);
}

static enum rv_code read_token(
	struct rv_str token, uint64_t hash, size_t *ret_at, struct rv_err *err)
{
	char want[24];
	uint64_t at;
	*ret_at = 0;
	if (token.n == 0)
		return RV_OK;
	(void)snprintf(want, sizeof want, "%016" PRIx64 ".", hash);
	if (!rv_str_starts(token, rv_str_of(want)) ||
		!rv_str_u64(rv_str_sub(token, 17, token.n), &at) || at > SIZE_MAX / 2)
		return RV_FAIL(err, RV_EINVAL, "page.token: not of this search");
	*ret_at = (size_t)at;
	return RV_OK;
}

/* Puts a candidate into the question; false: it is of another type. */
static bool place(const struct rv_pdp *p, enum rv_authzen_search_kind kind, const cedar_uid *uid,
	struct rv_authzen_item *q)
{
	const struct rv_str type = rv_str_n(uid->type.p, uid->type.n),
			    id = rv_str_n(uid->id.p, uid->id.n);
	switch (kind) {
	case RV_AUTHZEN_SUBJECTS:
		q->subject.id = id;
		return rv_str_eq(type, q->subject.type);
	case RV_AUTHZEN_RESOURCES:
		q->resource.id = id;
		return rv_str_eq(type, q->resource.type);
	case RV_AUTHZEN_ACTIONS:
		q->action = id;
		return rv_str_eqz(type, p->action_type);
	}
	return false;
}

static void put_result(enum rv_authzen_search_kind kind, const cedar_uid *uid, struct rv_json_w *w)
{
	rv_json_w_obj(w);
	if (kind != RV_AUTHZEN_ACTIONS)
		rv_json_w_kv_str(w, "type", rv_str_n(uid->type.p, uid->type.n));
	rv_json_w_kv_str(
		w, kind == RV_AUTHZEN_ACTIONS ? "name" : "id", rv_str_n(uid->id.p, uid->id.n));
	rv_json_w_obj_end(w);
}

/* A question that has no place in Cedar has no results: unknown types are not an error in a search.
 */
static bool is_allowed(struct rv_pdp *p, struct rv_http_req *r, const struct rv_authzen_item *q,
	struct rv_arena *a)
{
	cedar_scratch *s = rv_pdp_scratch(p, r);
	cedar_entity overlay[2];
	cedar_request rq;
	cedar_answer answer;
	rv_arena_clear(a);
	if (rv_pdp_map(p, s, a, q, overlay, &rq, NULL) != RV_OK)
		return false;
	cedar_authorize(p->policies, p->entities, &rq, s, &answer);
	return answer.decision == CEDAR_ALLOW;
}

enum rv_code rv_pdp_search(void *self, struct rv_http_req *r, const struct rv_authzen_search *s,
	struct rv_json_w *out, struct rv_err *err)
{
	struct rv_pdp *p = self;
	RV_AUTO_ARENA a;
	size_t at, found = 0, tried = 0;
	const uint64_t hash = question_hash(s);
	const size_t n = cedar_entities_count(p->entities);
	struct rv_authzen_item q = s->item;
	rv_arena_init(&a, 64 << 20);
	RV_TRY(read_token(s->token, hash, &at, err));
	rv_json_w_obj(out);
	rv_json_w_name(out, "results");
	rv_json_w_arr(out);
	for (; at < n && found < s->limit && tried < TRIES_MAX; at++, tried++) {
		const cedar_uid *uid = &cedar_entities_at(p->entities, at)->uid;
		if (!place(p, s->kind, uid, &q) || !is_allowed(p, r, &q, &a))
			continue;
		put_result(s->kind, uid, out);
		found++;
	}
	rv_json_w_arr_end(out);
	rv_json_w_name(out, "page");
	rv_json_w_obj(out);
	char token[48] = "";
	if (at < n)
		(void)snprintf(token, sizeof token, "%016" PRIx64 ".%zu", hash, at);
	rv_json_w_kv_strz(out, "next_token", token);
	rv_json_w_obj_end(out);
	rv_json_w_obj_end(out);
	return RV_OK;
}
