/* The closure over parents: every entity's ancestors, once, at load. Children of one parent alone
 * share a list. */
#include "cedar/entities.h"

static int ancestor_cmp(const void *a, const void *b)
{
	const struct ancestor *x = a, *y = b;
	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	int c = rv_str_cmp(rs(x->uid->type), rs(y->uid->type));
	return c ? c : rv_str_cmp(rs(x->uid->id), rs(y->uid->id));
}

static bool gather_room(struct gather *g, size_t more)
{
	if (g->n + more <= g->cap)
		return true;
	size_t cap = (g->n + more) * 2;
	struct ancestor *v = realloc(g->v, cap * sizeof *v);
	if (!v)
		return false;
	g->v = v;
	g->cap = cap;
	return true;
}

bool cedar_gather_add(struct gather *g, const cedar_uid *uid)
{
	if (!gather_room(g, 1))
		return false;
	g->v[g->n++] = (struct ancestor){ uid->hash, uid };
	return true;
}

bool cedar_gather_all(struct gather *g, const struct ancestors *up)
{
	if (!up)
		return true;
	if (!gather_room(g, up->n))
		return false;
	memcpy(g->v + g->n, up->v, up->n * sizeof *up->v);
	g->n += up->n;
	return true;
}

const struct ancestors *cedar_gather_done(struct gather *g, struct rv_arena *a, bool *ok)
{
	size_t n = 0;
	*ok = true;
	if (g->n == 0)
		return NULL;
	qsort(g->v, g->n, sizeof *g->v, ancestor_cmp);
	for (size_t i = 0; i < g->n; i++)
		if (n == 0 || ancestor_cmp(&g->v[n - 1], &g->v[i]) != 0)
			g->v[n++] = g->v[i];
	struct ancestors *kept = rv_arena_raw(a, sizeof *kept + n * sizeof *kept->v);
	*ok = kept != NULL;
	if (!kept)
		return NULL;
	kept->n = n;
	memcpy(kept->v, g->v, n * sizeof *kept->v);
	return kept;
}

/* ---- the walk ---- */

struct frame {
	struct node *node;
	size_t next_parent;
};
struct closure {
	struct table *t;
	uint8_t *colour; /* per node: 0 new, 1 on the path, 2 done */
	const struct ancestors **below; /* per node: itself and its ancestors; NULL: not made yet */
	struct frame *stack;
	size_t depth;
	struct gather found;
	cedar_error *err;
};

static size_t number(const struct closure *c, const struct node *n)
{
	return (size_t)(n - c->t->chunk->nodes);
}

/* What a child of n alone has as ancestors. NULL: memory. */
static const struct ancestors *below(struct closure *c, const struct node *n)
{
	const struct ancestors **at = &c->below[number(c, n)];
	bool ok;
	if (*at)
		return *at;
	c->found.n = 0;
	if (!cedar_gather_add(&c->found, &n->entity.uid) || !cedar_gather_all(&c->found, n->up))
		return NULL;
	*at = cedar_gather_done(&c->found, &c->t->chunk->arena, &ok);
	return *at;
}

/* All parents are done: they and their ancestors are the ancestors. */
static bool finish(struct closure *c, struct node *node)
{
	const cedar_entity *e = &node->entity;
	const struct node *p;
	bool ok;
	c->colour[number(c, node)] = 2;
	if (e->n_parents == 1 && (p = slots_find(&c->t->slots, &e->parents[0]))) {
		node->up = below(c, p);
		return node->up != NULL;
	}
	c->found.n = 0;
	for (size_t i = 0; i < e->n_parents; i++) {
		p = slots_find(&c->t->slots, &e->parents[i]);
		if (!cedar_gather_add(&c->found, p ? &p->entity.uid : &e->parents[i]) ||
			(p && !cedar_gather_all(&c->found, p->up)))
			return false;
	}
	node->up = cedar_gather_done(&c->found, &c->t->chunk->arena, &ok);
	return ok;
}

cedar_code cedar_hierarchy_cycle(const cedar_uid *uid, cedar_error *err)
{
	return cedar_fail(err, CEDAR_ECYCLE,
		"%.*s::\"%.*s\" is its own ancestor: the hierarchy has a cycle", RV_FMT(uid->type),
		RV_FMT(uid->id));
}

static cedar_code walk(struct closure *c, struct node *root)
{
	c->stack[0] = (struct frame){ root, 0 };
	c->depth = 1;
	c->colour[number(c, root)] = 1;
	while (c->depth > 0) {
		struct frame *f = &c->stack[c->depth - 1];
		const cedar_entity *e = &f->node->entity;
		if (f->next_parent == e->n_parents) {
			if (!finish(c, f->node))
				return CEDAR_FAIL_MEMORY(c->err);
			c->depth--;
			continue;
		}
		const struct node *p = slots_find(&c->t->slots, &e->parents[f->next_parent++]);
		if (!p)
			continue;
		size_t at = number(c, p);
		if (c->colour[at] == 1)
			return cedar_hierarchy_cycle(&p->entity.uid, c->err);
		if (c->colour[at] == 0) {
			c->colour[at] = 1;
			c->stack[c->depth++] = (struct frame){ &c->t->chunk->nodes[at], 0 };
		}
	}
	return CEDAR_OK;
}

cedar_code cedar_hierarchy_close(struct table *t, cedar_error *err)
{
	struct closure c = { .t = t, .err = err };
	size_t n = t->chunk->n_nodes;
	cedar_code code = CEDAR_OK;
	c.colour = calloc(n + 1, 1);
	c.below = calloc(n + 1, sizeof *c.below);
	c.stack = malloc((n + 1) * sizeof *c.stack);
	if (!c.colour || !c.below || !c.stack)
		code = CEDAR_FAIL_MEMORY(err);
	for (size_t i = 0; code == CEDAR_OK && i < n; i++)
		if (c.colour[i] == 0)
			code = walk(&c, &t->chunk->nodes[i]);
	free(c.colour);
	free(c.below);
	free(c.stack);
	free(c.found.v);
	return code;
}
