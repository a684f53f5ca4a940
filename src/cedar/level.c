/* Level validation (Cedar RFC 76): how many steps from the request's own entities a policy reads. A
 * caller that loads entities to a depth of N may evaluate policies of level N. Looks at a tree that
 * was just checked. */
#include "cedar/typecheck.h"

struct leveller {
	struct checker *c;
	unsigned max;
};
/* The attributes read of a record that is being written out, innermost first. */
struct path {
	cedar_str attr;
	const struct path *rest;
};

static void walk(struct leveller *l, struct node *n);

static bool is_entity(const struct node *n)
{
	const struct type *t = n->answer.type;
	return t && (t->kind == TY_ENTITY || t->kind == TY_ANY_ENTITY);
}

/* In { a: x, … }.a only x is read through; the others stand for themselves. */
static unsigned depth_of(struct leveller *l, struct node *n, const struct path *path);

static unsigned depth_in_record(struct leveller *l, struct node *n, const struct path *path)
{
	struct node *read = NULL;
	for (uint32_t i = 0; i < n->n; i++)
		if (path && str_eq(n->names[i], path->attr))
			read = n->items[i];
		else
			walk(l, n->items[i]);
	return read ? depth_of(l, read, path->rest) : 0;
}

static void refuse_literal(struct leveller *l, const struct node *n)
{
	cedar_found(l->c->report, FINDING_LITERAL_DEREFERENCE, at_of(n), NULL,
		"an entity named by the policy is read; only those of the request may be, at any "
		"level");
}

/* How many steps away the entity is that the node yields. */
static unsigned depth_of(struct leveller *l, struct node *n, const struct path *path)
{
	const struct path more = { n->name, path };
	unsigned x, y;
	switch ((enum op)n->op) {
	case OP_SLOT:
		refuse_literal(l, n);
		return 0;
	case OP_LIT:
		if (n->lit.kind == CEDAR_ENTITY && !uid_eq(n->lit.u.uid, &l->c->env->action->uid))
			refuse_literal(l, n);
		return 0;
	case OP_IF:
		walk(l, n->a);
		x = n->taken == TAKEN_SECOND ? 0 : depth_of(l, n->b, path);
		y = n->taken == TAKEN_FIRST ? 0 : depth_of(l, n->c, path);
		return x > y ? x : y;
	case OP_ATTR:
		return is_entity(n->a) ? depth_of(l, n->a, path) + 1 : depth_of(l, n->a, &more);
	case OP_GET_TAG:
		x = depth_of(l, n->a, path);
		walk(l, n->b);
		return x + 1;
	case OP_RECORD:
		return depth_in_record(l, n, path);
	default: /* the variables */
		return 0;
	}
}

static void read_through(struct leveller *l, struct node *n)
{
	unsigned depth = depth_of(l, n->a, NULL);
	if (depth >= l->max)
		cedar_found(l->c->report, FINDING_LEVEL_EXCEEDED, at_of(n), NULL,
			"this needs entities to level %u; %u is allowed", depth + 1, l->max);
}

static void walk_kids(struct leveller *l, struct node *n)
{
	struct node *const kids[] = { n->a, n->b, n->c };
	size_t to = RV_COUNT(kids);
	if ((n->op == OP_AND || n->op == OP_OR) && n->taken == TAKEN_FIRST)
		to = 1;
	for (size_t i = 0; i < to; i++) {
		bool is_skipped = n->op == OP_IF &&
			((i == 1 && n->taken == TAKEN_SECOND) ||
				(i == 2 && n->taken == TAKEN_FIRST));
		if (kids[i] && !is_skipped)
			walk(l, kids[i]);
	}
	for (uint32_t i = 0; n->items && i < n->n; i++)
		walk(l, n->items[i]);
}

static void walk(struct leveller *l, struct node *n)
{
	if (cedar_report_seen(l->c->report, n))
		return;
	switch ((enum op)n->op) {
	case OP_IN:
	case OP_HAS_TAG:
	case OP_GET_TAG:
		read_through(l, n);
		walk(l, n->b);
		break;
	case OP_ATTR:
	case OP_HAS:
		if (is_entity(n->a))
			read_through(l, n);
		else
			walk(l, n->a);
		break;
	default:
		walk_kids(l, n);
		break;
	}
}

void cedar_level(struct checker *c, struct node *whole, unsigned level)
{
	struct leveller l = { c, level };
	c->report->pass++;
	walk(&l, whole);
}
