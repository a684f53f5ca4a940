/* Random policies, entities and requests over one small world, as text: for tests that hold one
 * evaluator against another. Everything is made from the seed alone. */
#ifndef RV_TESTS_CEDAR_GEN_H
#define RV_TESTS_CEDAR_GEN_H
#include "base/buf.h"

struct gen {
	uint64_t state;
	struct rv_buf *out;
};
void gen_init(struct gen *g, uint64_t seed, struct rv_buf *out);
unsigned gen_pick(struct gen *g, unsigned n); /* 0 … n - 1 */
/* Static policies, then templates t0, t1 … named by @id; those with an odd number have no slot for
 * the resource. */
void gen_policies(struct gen *g, unsigned n, unsigned n_templates);
/* JSON: [{"templateId","newId","values":{…}}], for templates as gen_policies made them. */
void gen_links(struct gen *g, unsigned n, unsigned n_templates);
/* JSON; of the 24 entities there may be, percent in a hundred are. */
void gen_entities(struct gen *g, unsigned percent);
void gen_request(struct gen *g); /* JSON */
void gen_expr(struct gen *g); /* one condition */
#endif
