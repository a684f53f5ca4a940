/* The tree as JSON, in the shape of the reference's "external syntax tree" (cedar-policy-core,
 * src/est.rs): every literal of a pattern is one character, entities of the scope have no escape.
 */
#include "cedar/forms.h"

const struct est_op cedar_est_ops[] = {
#define X(op, name, is_unary) { op, name, is_unary },
	EST_OPS(X)
#undef X
};
const size_t cedar_est_n_ops = RV_COUNT(cedar_est_ops);

void cedar_put_json_string(struct rv_buf *b, cedar_str s)
{
	struct rv_json_w w;
	rv_json_w_init(&w, b);
	rv_json_w_str(&w, rs(s));
}

static void put_type_and_id(struct rv_buf *b, const cedar_uid *u)
{
	rv_buf_addz(b, "{\"type\":");
	cedar_put_json_string(b, u->type);
	rv_buf_addz(b, ",\"id\":");
	cedar_put_json_string(b, u->id);
	rv_buf_addc(b, '}');
}

/* ---- expressions ---- */

static void put_expr(struct rv_buf *b, const struct expr *e);

static void put_literal(struct rv_buf *b, const cedar_value *v)
{
	rv_buf_addz(b, "{\"Value\":");
	if (v->kind == CEDAR_BOOL) {
		rv_buf_addz(b, v->u.boolean ? "true" : "false");
	} else if (v->kind == CEDAR_LONG) {
		rv_buf_add_i64(b, v->u.integer);
	} else if (v->kind == CEDAR_STRING) {
		cedar_put_json_string(b, v->u.string);
	} else {
		rv_buf_addz(b, "{\"__entity\":");
		put_type_and_id(b, v->u.uid);
		rv_buf_addc(b, '}');
	}
	rv_buf_addc(b, '}');
}

static void put_operator(struct rv_buf *b, const struct expr *e)
{
	for (size_t i = 0; i < cedar_est_n_ops; i++) {
		const struct est_op *op = &cedar_est_ops[i];
		if (op->op != (enum op)e->op)
			continue;
		rv_buf_printf(b, "{\"%s\":{\"%s\":", op->name, op->is_unary ? "arg" : "left");
		put_expr(b, e->a);
		if (!op->is_unary) {
			rv_buf_addz(b, ",\"right\":");
			put_expr(b, e->b);
		}
		rv_buf_addz(b, "}}");
	}
}

static void put_items(struct rv_buf *b, const struct expr *e)
{
	rv_buf_addc(b, '[');
	for (uint32_t i = 0; i < e->n; i++) {
		rv_buf_addz(b, i ? "," : "");
		put_expr(b, e->items[i]);
	}
	rv_buf_addc(b, ']');
}

static void put_record(struct rv_buf *b, const struct expr *e)
{
	rv_buf_addz(b, "{\"Record\":{");
	for (uint32_t i = 0; i < e->n; i++) {
		rv_buf_addz(b, i ? "," : "");
		cedar_put_json_string(b, e->names[i]);
		rv_buf_addc(b, ':');
		put_expr(b, e->items[i]);
	}
	rv_buf_addz(b, "}}");
}

static void put_has(struct rv_buf *b, const struct expr *e)
{
	rv_buf_addz(b, "{\"has\":{\"left\":");
	put_expr(b, e->a);
	rv_buf_addz(b, ",\"attr\":");
	rv_buf_addz(b, e->n > 1 ? "[" : "");
	for (uint32_t i = 0; i < e->n; i++) {
		rv_buf_addz(b, i ? "," : "");
		cedar_put_json_string(b, e->names[i]);
	}
	rv_buf_addz(b, e->n > 1 ? "]}}" : "}}");
}

static void put_pattern(struct rv_buf *b, const struct expr *e)
{
	bool first = true;
	for (uint32_t i = 0; i < e->n; i++) {
		const struct pattern_part *part = &e->pattern[i];
		if (part->is_wildcard) {
			rv_buf_addz(b, first ? "\"Wildcard\"" : ",\"Wildcard\"");
			first = false;
			continue;
		}
		for (size_t at = 0, n; at < part->text.n; at += n) {
			uint32_t c;
			n = rv_utf8_get(rs(part->text), at, &c);
			if (n == 0)
				n = 1;
			rv_buf_addz(b, first ? "{\"Literal\":" : ",{\"Literal\":");
			cedar_put_json_string(b, (cedar_str){ part->text.p + at, n });
			rv_buf_addc(b, '}');
			first = false;
		}
	}
}

static void put_like(struct rv_buf *b, const struct expr *e)
{
	rv_buf_addz(b, "{\"like\":{\"left\":");
	put_expr(b, e->a);
	rv_buf_addz(b, ",\"pattern\":[");
	put_pattern(b, e);
	rv_buf_addz(b, "]}}");
}

static void put_is(struct rv_buf *b, const struct expr *e)
{
	rv_buf_addz(b, "{\"is\":{\"left\":");
	put_expr(b, e->a);
	rv_buf_addz(b, ",\"entity_type\":");
	cedar_put_json_string(b, e->name);
	if (e->b) {
		rv_buf_addz(b, ",\"in\":");
		put_expr(b, e->b);
	}
	rv_buf_addz(b, "}}");
}

static void put_if(struct rv_buf *b, const struct expr *e)
{
	rv_buf_addz(b, "{\"if-then-else\":{\"if\":");
	put_expr(b, e->a);
	rv_buf_addz(b, ",\"then\":");
	put_expr(b, e->b);
	rv_buf_addz(b, ",\"else\":");
	put_expr(b, e->c);
	rv_buf_addz(b, "}}");
}

static void put_attr(struct rv_buf *b, const struct expr *e)
{
	rv_buf_addz(b, "{\".\":{\"left\":");
	put_expr(b, e->a);
	rv_buf_addz(b, ",\"attr\":");
	cedar_put_json_string(b, e->name);
	rv_buf_addz(b, "}}");
}

static void put_expr(struct rv_buf *b, const struct expr *e)
{
	static const char *const vars[] = { [OP_PRINCIPAL] = "principal",
		[OP_ACTION] = "action",
		[OP_RESOURCE] = "resource",
		[OP_CONTEXT] = "context" };
	switch ((enum op)e->op) {
	case OP_LIT:
		put_literal(b, &e->lit);
		break;
	case OP_PRINCIPAL:
	case OP_ACTION:
	case OP_RESOURCE:
	case OP_CONTEXT:
		rv_buf_printf(b, "{\"Var\":\"%s\"}", vars[e->op]);
		break;
	case OP_SLOT:
		rv_buf_printf(b, "{\"Slot\":\"?%s\"}", e->n ? "resource" : "principal");
		break;
	case OP_IF:
		put_if(b, e);
		break;
	case OP_ATTR:
		put_attr(b, e);
		break;
	case OP_HAS:
		put_has(b, e);
		break;
	case OP_LIKE:
		put_like(b, e);
		break;
	case OP_IS:
		put_is(b, e);
		break;
	case OP_SET:
		rv_buf_addz(b, "{\"Set\":");
		put_items(b, e);
		rv_buf_addc(b, '}');
		break;
	case OP_RECORD:
		put_record(b, e);
		break;
	case OP_CALL:
		rv_buf_printf(b, "{\"%s\":", cedar_fns[e->fn].name);
		put_items(b, e);
		rv_buf_addc(b, '}');
		break;
	default:
		put_operator(b, e);
		break;
	}
}

/* ---- policies ---- */

static void put_target(struct rv_buf *b, const char *var, const struct scope *s)
{
	if (s->is_slot) {
		rv_buf_printf(b, "\"slot\":\"?%s\"", var);
		return;
	}
	rv_buf_addz(b, "\"entity\":");
	put_type_and_id(b, s->uid);
}

static void put_scope(struct rv_buf *b, const char *var, const struct scope *s)
{
	static const char *const ops[] = { [SCOPE_ANY] = "All",
		[SCOPE_EQ] = "==",
		[SCOPE_IN] = "in",
		[SCOPE_IS] = "is",
		[SCOPE_IS_IN] = "is",
		[SCOPE_IN_LIST] = "in" };
	rv_buf_printf(b, "\"%s\":{\"op\":\"%s\"", var, ops[s->op]);
	if (s->op == SCOPE_IS || s->op == SCOPE_IS_IN) {
		rv_buf_addz(b, ",\"entity_type\":");
		cedar_put_json_string(b, s->type);
	}
	if (s->op == SCOPE_EQ || s->op == SCOPE_IN) {
		rv_buf_addc(b, ',');
		put_target(b, var, s);
	}
	if (s->op == SCOPE_IS_IN) {
		rv_buf_addz(b, ",\"in\":{");
		put_target(b, var, s);
		rv_buf_addc(b, '}');
	}
	if (s->op == SCOPE_IN_LIST && s->n_list == 1) { /* as the reference has it */
		rv_buf_addz(b, ",\"entity\":");
		put_type_and_id(b, s->list[0]);
	} else if (s->op == SCOPE_IN_LIST) {
		rv_buf_addz(b, ",\"entities\":[");
		for (size_t i = 0; i < s->n_list; i++) {
			rv_buf_addz(b, i ? "," : "");
			put_type_and_id(b, s->list[i]);
		}
		rv_buf_addc(b, ']');
	}
	rv_buf_addc(b, '}');
}

static void put_annotations(struct rv_buf *b, const struct policy *p)
{
	if (p->info.n_annotations == 0)
		return;
	rv_buf_addz(b, ",\"annotations\":{");
	for (size_t i = 0; i < p->info.n_annotations; i++) {
		const cedar_annotation *an = &p->info.annotations[i];
		rv_buf_addz(b, i ? "," : "");
		cedar_put_json_string(b, an->key);
		rv_buf_addc(b, ':');
		if (an->has_value)
			cedar_put_json_string(b, an->value);
		else
			rv_buf_addz(b, "null");
	}
	rv_buf_addc(b, '}');
}

void cedar_est_put_policy(struct rv_buf *b, const struct policy *p)
{
	rv_buf_printf(b, "{\"effect\":\"%s\",", p->info.is_forbid ? "forbid" : "permit");
	put_scope(b, "principal", &p->principal);
	rv_buf_addc(b, ',');
	put_scope(b, "action", &p->action);
	rv_buf_addc(b, ',');
	put_scope(b, "resource", &p->resource);
	rv_buf_addz(b, ",\"conditions\":[");
	for (size_t i = 0; i < p->n_conditions; i++) {
		rv_buf_printf(b, "%s{\"kind\":\"%s\",\"body\":", i ? "," : "",
			p->conditions[i].is_unless ? "unless" : "when");
		put_expr(b, p->conditions[i].expr);
		rv_buf_addc(b, '}');
	}
	rv_buf_addc(b, ']');
	put_annotations(b, p);
	rv_buf_addc(b, '}');
}
