/* Random worlds with our answers, one a line, for wasm/diff.js to hold against the reference.
 * Usage: cedar_diff_cases SEED WORLDS REQUESTS */
#include <stdio.h>

#include "base/json.h"
#include "cedar.h"
#include "tests/cedar/gen.h"

enum { POLICIES = 10, TEMPLATES = 2, LINKS = 3 };

static cedar_str cs(const struct rv_buf *b)
{
	return (cedar_str){ b->p, b->n };
}

static struct rv_str str(cedar_str s)
{
	return rv_str_n(s.p, s.n);
}

static void put_policies(struct rv_json_w *w, const cedar_policies *ps, bool templates)
{
	rv_json_w_obj(w);
	for (size_t i = 0; i < cedar_policies_count(ps); i++) {
		const cedar_policy_info *p = cedar_policy_at(ps, i);
		if (p->is_linked || p->is_template != templates)
			continue;
		rv_json_w_name_str(w, str(p->id));
		rv_json_w_str(w, str(p->text));
	}
	rv_json_w_obj_end(w);
}

static void put_ids(struct rv_json_w *w, const char *name, const cedar_policies *ps,
	const uint32_t *list, size_t n)
{
	rv_json_w_name(w, name);
	rv_json_w_arr(w);
	for (size_t i = 0; i < n; i++)
		rv_json_w_str(w, str(cedar_policy_at(ps, list[i])->id));
	rv_json_w_arr_end(w);
}

static void put_answer(struct rv_json_w *w, const cedar_policies *ps, const cedar_answer *a)
{
	bool allow = a->decision == CEDAR_ALLOW;
	rv_json_w_kv_strz(w, "decision", allow ? "allow" : "deny");
	put_ids(w, "reason", ps, allow ? a->permits : a->forbids,
		allow ? a->n_permits : a->n_forbids);
	rv_json_w_name(w, "errors");
	rv_json_w_arr(w);
	for (size_t i = 0; i < a->n_errors; i++)
		rv_json_w_str(w, str(cedar_policy_at(ps, a->errors[i].policy)->id));
	rv_json_w_arr_end(w);
}

static void put_requests(struct gen *g, struct rv_json_w *w, const cedar_policies *ps,
	const cedar_entities *es, unsigned n)
{
	cedar_scratch *s = cedar_scratch_new();
	cedar_request rq;
	cedar_answer a;
	RV_AUTO_BUF text;
	rv_assert(s);
	rv_buf_init(&text, 1 << 20);
	g->out = &text;
	rv_json_w_name(w, "requests");
	rv_json_w_arr(w);
	for (unsigned i = 0; i < n; i++) {
		rv_buf_clear(&text);
		gen_request(g);
		rv_assert(cedar_request_parse_json(s, cs(&text), &rq, NULL) == CEDAR_OK);
		cedar_authorize(ps, es, &rq, s, &a);
		rv_json_w_obj(w);
		rv_json_w_kv_str(w, "request", rv_buf_str(&text));
		put_answer(w, ps, &a);
		rv_json_w_obj_end(w);
		cedar_scratch_clear(s);
	}
	rv_json_w_arr_end(w);
	cedar_scratch_free(s);
}

static void put_world(uint64_t seed, unsigned n_requests)
{
	struct gen g;
	struct rv_json_w w;
	cedar_error e = { .code = CEDAR_OK };
	const cedar_link *list;
	size_t n;
	cedar_policies *ps;
	cedar_entities *es;
	cedar_scratch *s = cedar_scratch_new();
	RV_AUTO_BUF out;
	RV_AUTO_BUF text;
	RV_AUTO_BUF links;
	RV_AUTO_BUF entities;
	rv_assert(s);
	rv_buf_init(&out, 1 << 26);
	rv_buf_init(&text, 1 << 24);
	rv_buf_init(&links, 1 << 20);
	rv_buf_init(&entities, 1 << 24);
	gen_init(&g, seed, &text);
	gen_policies(&g, 1 + gen_pick(&g, POLICIES), TEMPLATES);
	g.out = &links;
	gen_links(&g, LINKS, TEMPLATES);
	g.out = &entities;
	gen_entities(&g, 5 + gen_pick(&g, 30));
	rv_assert(cedar_links_parse_json(s, cs(&links), &list, &n, &e) == CEDAR_OK);
	const cedar_source src = { .text = cs(&text), .use_id_annotation = true };
	const cedar_policies_opts opts = { .links = list, .n_links = n };
	rv_assert(cedar_policies_new(&src, 1, &opts, &ps, NULL, &e) == CEDAR_OK);
	rv_assert(cedar_entities_parse_json(cs(&entities), &es, &e) == CEDAR_OK);
	rv_json_w_init(&w, &out);
	rv_json_w_obj(&w);
	rv_json_w_kv_i64(&w, "seed", (int64_t)seed);
	rv_json_w_name(&w, "policies");
	rv_json_w_obj(&w);
	rv_json_w_name(&w, "staticPolicies");
	put_policies(&w, ps, false);
	rv_json_w_name(&w, "templates");
	put_policies(&w, ps, true);
	rv_json_w_name(&w, "templateLinks");
	rv_json_w_raw(&w, rv_buf_str(&links));
	rv_json_w_obj_end(&w);
	rv_json_w_kv_str(&w, "entities", rv_buf_str(&entities));
	put_requests(&g, &w, ps, es, n_requests);
	rv_json_w_obj_end(&w);
	rv_assert(rv_buf_ok(&out, NULL) == RV_OK);
	puts(rv_buf_z(&out));
	cedar_policies_free(ps);
	cedar_entities_free(es);
	cedar_scratch_free(s);
}

int main(int argc, char **argv)
{
	uint64_t v[3];
	for (int i = 0; i < 3; i++)
		if (argc != 4 || !rv_str_u64(rv_str_of(argv[i + 1]), &v[i])) {
			fprintf(stderr, "usage: cedar_diff_cases SEED WORLDS REQUESTS\n");
			return 2;
		}
	for (uint64_t i = 0; i < v[1]; i++)
		put_world(v[0] + i, (unsigned)v[2]);
	return 0;
}
