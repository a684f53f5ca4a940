/* reeve cedar explain */
#include <stdio.h>

#include "cli/cedar/cedar_cli.h"

struct explain {
	struct rv_cedar_policies policies;
	const char *entities, *request, *schema, *schema_format;
	bool json;
};
static const char *const outcomes[] = { "?", "not reached", "false", "true", "error" };

static struct rv_str str(cedar_str s)
{
	return rv_str_n(s.p, s.n);
}

/* ---- for programs ---- */

static void put_value(struct rv_json_w *w, const char *name, const cedar_value *v)
{
	char buf[4000];
	if (v->kind == 0)
		return;
	(void)cedar_value_print(v, buf, sizeof buf); /* may be cut */
	rv_json_w_kv_strz(w, name, buf);
}

static void put_place(struct rv_json_w *w, const cedar_span *at)
{
	if (!at->text.p)
		return;
	rv_json_w_kv_str(w, "text", str(at->text));
	rv_json_w_kv_i64(w, "line", at->line);
	rv_json_w_kv_i64(w, "column", at->column);
}

static void put_clause(struct rv_json_w *w, const cedar_clause *c)
{
	rv_json_w_obj(w);
	rv_json_w_kv_strz(w, "kind", c->is_unless ? "unless" : "when");
	rv_json_w_kv_strz(w, "outcome", outcomes[c->outcome]);
	put_place(w, &c->at);
	rv_json_w_kv_str(w, "error", str(c->message));
	rv_json_w_name(w, "parts");
	rv_json_w_arr(w);
	for (size_t i = 0; i < c->n_findings; i++) {
		const cedar_finding *f = &c->findings[i];
		rv_json_w_obj(w);
		put_place(w, &f->at);
		rv_json_w_kv_i64(w, "depth", f->depth);
		put_value(w, "value", &f->value);
		rv_json_w_obj_end(w);
	}
	rv_json_w_arr_end(w);
	rv_json_w_obj_end(w);
}

static void put_policies(struct rv_json_w *w, const cedar_policies *ps, const cedar_explanation *x)
{
	rv_json_w_name(w, "policies");
	rv_json_w_arr(w);
	for (size_t i = 0; i < x->n_policies; i++) {
		const cedar_policy_trace *t = &x->policies[i];
		rv_json_w_obj(w);
		rv_json_w_kv_str(w, "id", rv_cedar_id_of(ps, t->policy));
		rv_json_w_kv_strz(w, "effect",
			cedar_policy_at(ps, t->policy)->is_forbid ? "forbid" : "permit");
		rv_json_w_kv_strz(w, "outcome", outcomes[t->outcome]);
		rv_json_w_name(w, "conditions");
		rv_json_w_arr(w);
		for (size_t k = 0; k < t->n_clauses; k++)
			put_clause(w, &t->clauses[k]);
		rv_json_w_arr_end(w);
		rv_json_w_obj_end(w);
	}
	rv_json_w_arr_end(w);
}

static void put_change(struct rv_json_w *w, const cedar_policies *ps, const cedar_change *c)
{
	static const char *const kinds[] = { "?", "set", "unset", "add", "drop", "join", "leave",
		"waive" };
	static const char *const bounds[] = { "?", "exactly", "at_most", "at_least", "other_than",
		"such_as" };
	rv_json_w_obj(w);
	rv_json_w_kv_strz(w, "change", kinds[c->kind]);
	rv_json_w_kv_str(w, "policy", rv_cedar_id_of(ps, c->policy));
	if (c->entity) {
		rv_json_w_name(w, "entity");
		rv_json_w_obj(w);
		rv_json_w_kv_str(w, "type", str(c->entity->type));
		rv_json_w_kv_str(w, "id", str(c->entity->id));
		rv_json_w_obj_end(w);
	}
	if (c->n_path > 0) {
		rv_json_w_name(w, c->is_tag ? "tag" : "path");
		rv_json_w_arr(w);
		for (size_t i = 0; i < c->n_path; i++)
			rv_json_w_str(w, str(c->path[i]));
		rv_json_w_arr_end(w);
	}
	if (c->kind == CEDAR_CHANGE_SET)
		rv_json_w_kv_strz(w, "bound", bounds[c->bound]);
	put_value(w, "value", &c->value);
	rv_json_w_kv_str(w, "text", str(c->text));
	rv_json_w_obj_end(w);
}

static void print_json(const cedar_policies *ps, const cedar_explanation *x)
{
	RV_AUTO_BUF b;
	struct rv_json_w w;
	rv_buf_init(&b, RV_CEDAR_FILE_MAX);
	rv_json_w_init(&w, &b);
	rv_json_w_obj(&w);
	rv_json_w_kv_strz(&w, "decision", x->answer.decision == CEDAR_ALLOW ? "allow" : "deny");
	put_policies(&w, ps, x);
	rv_json_w_name(&w, "flips");
	rv_json_w_arr(&w);
	for (size_t i = 0; i < x->n_flips; i++) {
		rv_json_w_arr(&w);
		for (size_t k = 0; k < x->flips[i].n_changes; k++)
			put_change(&w, ps, &x->flips[i].changes[k]);
		rv_json_w_arr_end(&w);
	}
	rv_json_w_arr_end(&w);
	rv_json_w_obj_end(&w);
	printf("%s\n", rv_buf_z(&b));
}

/* ---- for people ---- */

/* The text on one line: as it stands in the source it may run over several. */
static void put_text(struct rv_buf *b, cedar_str text)
{
	bool blank = false;
	for (size_t i = 0; i < text.n; i++) {
		bool is_blank = text.p[i] == ' ' || text.p[i] == '\n' || text.p[i] == '\t' ||
			text.p[i] == '\r';
		if (!is_blank && blank)
			rv_buf_addc(b, ' ');
		if (!is_blank)
			rv_put_safe(b, rv_str_n(text.p + i, 1));
		blank = is_blank;
	}
}

static void say_clause(struct rv_buf *b, const cedar_clause *c)
{
	rv_buf_printf(b, "  %s is %s", c->is_unless ? "unless" : "when", outcomes[c->outcome]);
	if (c->at.line)
		rv_buf_printf(b, " (line %u)", c->at.line);
	if (c->message.n > 0)
		rv_buf_printf(b, ": %.*s", RV_FMT(c->message));
	rv_buf_addc(b, '\n');
	for (size_t i = 0; i < c->n_findings; i++) {
		const cedar_finding *f = &c->findings[i];
		char value[300] = "error";
		if (f->value.kind != 0)
			(void)cedar_value_print(&f->value, value, sizeof value); /* may be cut */
		rv_buf_printf(b, "    %*s", (int)(2 * f->depth), "");
		put_text(b, f->at.text);
		rv_buf_printf(b, "  =  ");
		rv_put_safe(b, rv_str_of(value));
		rv_buf_addc(b, '\n');
	}
}

static void print_text(const cedar_policies *ps, const cedar_explanation *x)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, RV_CEDAR_FILE_MAX);
	bool allow = x->answer.decision == CEDAR_ALLOW;
	rv_buf_printf(&b, "%s\n", allow ? "ALLOW" : "DENY");
	if (x->n_policies == 0)
		rv_buf_addz(&b, "\nno policy's scope fits the request\n");
	for (size_t i = 0; i < x->n_policies; i++) {
		const cedar_policy_trace *t = &x->policies[i];
		rv_buf_printf(&b, "\n%s '",
			cedar_policy_at(ps, t->policy)->is_forbid ? "forbid" : "permit");
		rv_put_safe(&b, rv_cedar_id_of(ps, t->policy));
		rv_buf_printf(&b, "': %s\n", outcomes[t->outcome]);
		for (size_t k = 0; k < t->n_clauses; k++)
			say_clause(&b, &t->clauses[k]);
	}
	if (x->n_flips > 0)
		rv_buf_printf(&b, "\nit would be %s with:\n", allow ? "DENY" : "ALLOW");
	for (size_t i = 0; i < x->n_flips; i++) {
		rv_buf_addz(&b, "  - ");
		for (size_t k = 0; k < x->flips[i].n_changes; k++) {
			rv_buf_addz(&b, k ? ", and " : "");
			rv_put_safe(&b, str(x->flips[i].changes[k].text));
		}
		rv_buf_addc(&b, '\n');
	}
	printf("%s", rv_buf_z(&b));
}

struct loaded {
	cedar_schema *schema;
	cedar_policies *ps;
	cedar_entities *es;
	cedar_scratch *s;
};

static enum rv_code explain(struct rv_arena *a, const struct explain *o, struct loaded *l,
	cedar_explanation *ret, struct rv_err *err)
{
	cedar_error e = { .code = CEDAR_OK };
	cedar_request rq;
	struct rv_str text;
	const cedar_str none = { NULL, 0 };
	if (o->schema)
		RV_TRY(rv_cedar_load_schema(a, o->schema, o->schema_format, &l->schema, err));
	RV_TRY(rv_cedar_load_policy_set(a, &o->policies, NULL, &l->ps, err));
	RV_TRY(rv_cedar_load_entities(a, o->entities, l->schema, &l->es, err));
	RV_TRY(rv_file_read(a, o->request, RV_CEDAR_FILE_MAX, &text, err));
	if (cedar_request_parse_json_with(l->s, rv_cedar_str(text), l->schema, &rq, &e) != CEDAR_OK)
		return rv_cedar_fail(&e, o->request, none, err);
	if (cedar_explain(l->ps, l->es, &rq, l->s, ret, &e) != CEDAR_OK)
		return rv_cedar_fail(&e, o->request, none, err);
	return RV_OK;
}

int rv_cmd_cedar_explain(int argc, char **argv)
{
	static struct explain o;
	static const struct rv_opt opts[] = {
		RV_CEDAR_POLICIES_OPTS(o.policies),
		{ "entities", 0, RV_OPT_STR, "FILE", "entities as JSON", &o.entities },
		{ "request-json", 0, RV_OPT_STR, "FILE",
			"the request as JSON; '-' is standard input", &o.request },
		{ "schema", 's', RV_OPT_STR, "FILE", "a schema that entities and request must fit",
			&o.schema },
		{ "schema-format", 0, RV_OPT_STR, "FORMAT",
			"'cedar' or 'json'; guessed from the name", &o.schema_format },
		{ "json", 0, RV_OPT_FLAG, NULL, "print it as JSON", &o.json },
	};
	static const struct rv_usage u = { "cedar explain", "", "tell why a request is answered so",
		"Shows every policy whose scope fits with the outcome of its conditions and the "
		"values behind them,\n"
		"and the smallest changes that would turn the decision round; each was tried.\n"
		"Exit status: 0 explained, 1 error.",
		opts, RV_COUNT(opts), 0, 0 };
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status == 0 ? 0 : RV_CEDAR_ERROR;
	if (!o.entities || !o.request) {
		(void)rv_cli_bad(
			u.name, "needs --entities and --request-json"); /* its status is not ours */
		return RV_CEDAR_ERROR;
	}
	RV_AUTO_ARENA a;
	rv_arena_init(&a, RV_CEDAR_MEMORY_MAX);
	struct rv_err err = { 0 };
	struct loaded l = { .s = cedar_scratch_new() };
	cedar_explanation x;
	rv_assert(l.s);
	status = 0;
	if (explain(&a, &o, &l, &x, &err) != RV_OK) {
		(void)rv_cli_fail(u.name, &err);
		status = RV_CEDAR_ERROR;
	} else if (o.json) {
		print_json(l.ps, &x);
	} else {
		print_text(l.ps, &x);
	}
	cedar_scratch_free(l.s);
	cedar_entities_free(l.es);
	cedar_policies_free(l.ps);
	cedar_schema_free(l.schema);
	return status;
}
