/* What is below each entity type and each action, through any number of steps. */
#include "cedar/schema_resolve.h"

/* Marks everything above `at`. next: parents of one; *cycle: at is above itself. */
struct climb {
	const cedar_schema *s;
	bool actions;
	uint8_t *seen;
	uint32_t *stack;
};

static size_t parents_of(const struct climb *c, uint32_t at, const uint32_t **ret)
{
	if (c->actions) {
		*ret = c->s->actions[at].parents;
		return c->s->actions[at].n_parents;
	}
	*ret = c->s->types[at].parents;
	return c->s->types[at].n_parents;
}

static void climb(struct climb *c, uint32_t at, size_t n)
{
	size_t depth = 0;
	const uint32_t *parents;
	memset(c->seen, 0, n);
	c->stack[depth++] = at;
	while (depth > 0) {
		size_t k = parents_of(c, c->stack[--depth], &parents);
		for (size_t i = 0; i < k; i++)
			if (!c->seen[parents[i]]) {
				c->seen[parents[i]] = 1;
				c->stack[depth++] = parents[i];
			}
	}
}

cedar_code cedar_schema_close(struct resolver *r, bool actions)
{
	cedar_schema *s = r->s;
	size_t n = actions ? s->n_actions : s->n_types, *caps;
	struct climb c = { s, actions, NULL, NULL };
	c.seen = rv_arena_alloc(r->arena, n + 1);
	c.stack = rv_arena_array(r->arena, n + 1, sizeof *c.stack);
	caps = rv_arena_array(r->arena, n + 1, sizeof *caps);
	if (!c.seen || !c.stack || !caps)
		return CEDAR_FAIL_MEMORY(r->err);
	for (uint32_t at = 0; at < n; at++) {
		climb(&c, at, n);
		for (uint32_t up = 0; up < n; up++) {
			if (!c.seen[up])
				continue;
			if (up == at && actions)
				return FAIL(r, (struct place){ 0 },
					"action '%.*s' is its own group",
					RV_FMT(s->actions[at].uid.id));
			if (up == at)
				continue;
			uint32_t **list =
				actions ? &s->actions[up].descendants : &s->types[up].descendants;
			size_t *count = actions ? &s->actions[up].n_descendants
						: &s->types[up].n_descendants;
			if (!ARENA_PUSH(r->arena, *list, *count, caps[up], at))
				return CEDAR_FAIL_MEMORY(r->err);
		}
	}
	return CEDAR_OK;
}
