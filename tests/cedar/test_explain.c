/* Explanations of explain.txt: outcomes of clauses and the ways to the other decision; and what a
 * part of a condition came to. */
#include <stdio.h>

#include "base/buf.h"
#include "tests/cedar/text.h"
#include "tests/harness.h"

static const char *const outcomes[] = { "?", "not-reached", "false", "true", "error" };

static void add_line(struct rv_buf *b, const char *text)
{
	rv_buf_printf(b, "%s%s", b->n ? "\n" : "", text);
}

static void show_trace(struct rv_buf *b, const cedar_policies *ps, const cedar_explanation *x)
{
	for (size_t i = 0; i < x->n_policies; i++) {
		const cedar_policy_trace *t = &x->policies[i];
		cedar_str id = cedar_policy_at(ps, t->policy)->id;
		add_line(b, "");
		rv_buf_printf(b, "%.*s %s", RV_FMT(id), outcomes[t->outcome]);
		for (size_t k = 0; k < t->n_clauses; k++) {
			const cedar_clause *c = &t->clauses[k];
			rv_buf_printf(b, " %s=%s", c->is_unless ? "unless" : "when",
				outcomes[c->outcome]);
			CHECK((c->message.n > 0) == (c->outcome == CEDAR_FAILED));
			CHECK((c->n_findings > 0) == (c->outcome != CEDAR_NOT_REACHED));
			CHECK(c->at.text.n > 0 && c->at.line > 0 && c->at.column > 0);
		}
	}
}

static void show_flips(struct rv_buf *b, const cedar_explanation *x)
{
	for (size_t i = 0; i < x->n_flips; i++) {
		add_line(b, "");
		for (size_t k = 0; k < x->flips[i].n_changes; k++)
			rv_buf_printf(
				b, "%s%.*s", k ? " + " : "", RV_FMT(x->flips[i].changes[k].text));
	}
}

static void check_text(struct rv_str head, const char *what, struct rv_str body, struct rv_buf *got)
{
	struct rv_str want = text_section(body, what);
	CHECKF(rv_str_eq(want, rv_buf_str(got)), "%.*s: %s: want\n%.*s\ngot\n%.*s", RV_FMT(head),
		what, RV_FMT(want), RV_FMT(rv_buf_str(got)));
}

static void run_case(struct rv_str head, struct rv_str body)
{
	cedar_error e = { .code = CEDAR_OK };
	cedar_policies *ps = NULL;
	cedar_entities *es = NULL;
	cedar_scratch *s = cedar_scratch_new();
	cedar_request rq;
	cedar_explanation x;
	RV_AUTO_BUF trace;
	RV_AUTO_BUF flips;
	rv_buf_init(&trace, 1 << 20);
	rv_buf_init(&flips, 1 << 20);
	bool ok = s &&
		cedar_policies_parse(cs(text_section(body, "policies")), NULL, &ps, &e) ==
			CEDAR_OK &&
		cedar_entities_parse_json(cs(text_section(body, "entities")), &es, &e) ==
			CEDAR_OK &&
		cedar_request_parse_json(s, cs(text_section(body, "request")), &rq, &e) ==
			CEDAR_OK &&
		cedar_explain(ps, es, &rq, s, &x, &e) == CEDAR_OK;
	CHECKF(ok, "%.*s: %u:%u %s", RV_FMT(head), e.line, e.column, e.message);
	if (ok) {
		struct rv_str want = text_section(body, "want");
		CHECKF(x.answer.decision == (rv_str_eqz(want, "allow") ? CEDAR_ALLOW : CEDAR_DENY),
			"%.*s: decision", RV_FMT(head));
		show_trace(&trace, ps, &x);
		show_flips(&flips, &x);
		check_text(head, "trace", body, &trace);
		check_text(head, "flips", body, &flips);
	}
	cedar_scratch_free(s);
	cedar_entities_free(es);
	cedar_policies_free(ps);
}

TEST(cases_of_the_file)
{
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 24);
	struct rv_str rest, head, body;
	size_t n = 0;
	REQUIRE(text_read(&a, "explain.txt", &rest));
	while (text_case(&rest, &head, &body)) {
		run_case(head, body);
		n++;
	}
	CHECK(n > 10);
}

/* Places are those of the source, and parts that were not reached are left out. */
TEST(parts_of_a_condition)
{
	static const char text[] = "// one\npermit(principal, action, resource)\n"
				   "when { 1 == 2 || (context.n > 3\n  && context.missing) };";
	static const struct {
		const char *text;
		unsigned line, column, depth;
		const char *value;
	} want[] = {
		{ "1 == 2 || (context.n > 3\n  && context.missing)", 3, 8, 0, NULL },
		{ "1 == 2", 3, 8, 1, "false" },
		{ "context.n > 3\n  && context.missing", 3, 19, 1, NULL },
		{ "context.n > 3", 3, 19, 2, "true" },
		{ "context.n", 3, 19, 3, "5" },
		{ "context.missing", 4, 6, 2, NULL },
		{ "context", 4, 6, 3, "{n: 5}" },
	};
	cedar_error e = { .code = CEDAR_OK };
	cedar_policies *ps;
	cedar_entities *es;
	cedar_request rq;
	cedar_explanation x;
	cedar_scratch *s = cedar_scratch_new();
	REQUIRE(s);
	REQUIRE(cedar_policies_parse(cedar_z(text), NULL, &ps, &e) == CEDAR_OK);
	REQUIRE(cedar_entities_parse_json(cedar_z("[]"), &es, &e) == CEDAR_OK);
	REQUIRE(cedar_request_parse_json(s,
			cedar_z("{\"principal\":\"U::\\\"a\\\"\",\"action\":\"Action::\\\"v\\\"\","
				"\"resource\":\"D::\\\"d\\\"\",\"context\":{\"n\":5}}"),
			&rq, &e) == CEDAR_OK);
	REQUIRE(cedar_explain(ps, es, &rq, s, &x, &e) == CEDAR_OK);
	REQUIRE(x.n_policies == 1 && x.policies[0].n_clauses == 1);
	const cedar_clause *c = &x.policies[0].clauses[0];
	CHECK(c->outcome == CEDAR_FAILED);
	for (size_t i = 0; i < c->n_findings; i++) {
		const cedar_finding *f = &c->findings[i];
		char value[100] = "";
		if (f->value.kind != 0)
			(void)cedar_value_print(&f->value, value, sizeof value); /* fits */
		REQUIRE(i < RV_COUNT(want));
		CHECKF(rv_str_eqz(rv_str_n(f->at.text.p, f->at.text.n), want[i].text) &&
				f->at.line == want[i].line && f->at.column == want[i].column &&
				f->depth == want[i].depth &&
				strcmp(value, want[i].value ? want[i].value : "") == 0,
			"%zu: '%.*s' %u:%u depth %u = %s", i, RV_FMT(f->at.text), f->at.line,
			f->at.column, f->depth, value);
	}
	CHECK(c->n_findings == RV_COUNT(want));
	cedar_scratch_free(s);
	cedar_entities_free(es);
	cedar_policies_free(ps);
}

MAIN()
