/* The formatter: white space moves, nothing else does. Tokens stay as they are and in their order,
 * except a comma that closes a list; comments stay beside the tokens they stood at. The layout
 * depends on tokens and comments alone, so formatting what was formatted changes nothing. */
#include "cedar/format.h"

#include "cedar/forms.h"
#include "cedar/schema.h"

enum { LINE_WIDTH = 80, INDENT_WIDTH = 2, INDENT_MAX = 64, LINE_MAX_WIDTH = 100000 };

static const size_t MEMORY_MAX = (size_t)1 << 32; /* of tokens and layout of one text */

struct scan {
	struct rv_arena *a;
	struct fmt_token *tokens;
	size_t n, cap;
	struct fmt_comment *comments; /* of all tokens, in order: tokens point into it */
	size_t n_comments, cap_comments;
};

/* Where each token's comments begin; kept apart while the arrays grow. */
static bool add_comment(struct scan *s, cedar_str text, bool own_line, bool blank)
{
	while (text.n > 0 && strchr(" \t\v\f\r", text.p[text.n - 1]))
		text.n--;
	if (!own_line && s->n > 0) {
		s->tokens[s->n - 1].trail = text;
		return true;
	}
	const struct fmt_comment c = { text, blank };
	return ARENA_PUSH(s->a, s->comments, s->n_comments, s->cap_comments, c);
}

/* The blanks and comments before a token. *ret_blank: an empty line right before the token. */
static bool scan_gap(struct scan *s, cedar_str gap, bool *ret_blank)
{
	unsigned newlines = 0;
	bool any_line = false;
	for (size_t i = 0; i < gap.n;) {
		char c = gap.p[i];
		if (c == '/') {
			size_t from = i;
			while (i < gap.n && gap.p[i] != '\n' && gap.p[i] != '\r')
				i++;
			if (!add_comment(s, (cedar_str){ gap.p + from, i - from }, any_line,
				    newlines > 1))
				return false;
			newlines = 0;
			continue;
		}
		if (c == '\n' || (c == '\r' && (i + 1 == gap.n || gap.p[i + 1] != '\n'))) {
			newlines++;
			any_line = true;
		}
		i++;
	}
	*ret_blank = newlines > 1;
	return true;
}

/* All tokens, TOK_END too. */
static cedar_code scan(struct scan *s, cedar_str text, cedar_error *err)
{
	struct lexer lex;
	CEDAR_TRY(cedar_lex_init(&lex, text, err));
	for (;;) {
		const struct token *t = &lex.tok;
		struct fmt_token out = {
			.kind = t->kind, .op = t->op, .text = { text.p + t->at, t->n }
		};
		size_t first = s->n_comments;
		if (!scan_gap(s, (cedar_str){ text.p + lex.before, t->at - lex.before },
			    &out.blank_before))
			return CEDAR_FAIL_MEMORY(err);
		out.n_lead = s->n_comments - first;
		if (!ARENA_PUSH(s->a, s->tokens, s->n, s->cap, out))
			return CEDAR_FAIL_MEMORY(err);
		if (t->kind == TOK_END)
			break;
		CEDAR_TRY(cedar_lex_next(&lex));
	}
	const struct fmt_comment *at = s->comments;
	for (size_t i = 0; i < s->n; i++) {
		s->tokens[i].lead = at;
		at = at ? at + s->tokens[i].n_lead : NULL;
	}
	return CEDAR_OK;
}

static bool same_token(const struct fmt_token *a, const struct fmt_token *b)
{
	if (a->kind != b->kind || !str_eq(a->text, b->text) || a->n_lead != b->n_lead ||
		!a->trail.p != !b->trail.p || (a->trail.p && !str_eq(a->trail, b->trail)))
		return false;
	for (size_t i = 0; i < a->n_lead; i++)
		if (!str_eq(a->lead[i].text, b->lead[i].text))
			return false;
	return true;
}

static bool is_comma(const struct fmt_token *t)
{
	return t->kind == TOK_OP && t->op == OP1(',');
}

/* The promise kept: the same tokens with the same comments, closing commas aside. */
static cedar_code check_same(
	struct rv_arena *a, const struct scan *was, cedar_str text, cedar_error *err)
{
	struct scan is = { .a = a };
	size_t i = 0, k = 0;
	cedar_code code = scan(&is, text, NULL);
	for (; code == CEDAR_OK && i < was->n && k < is.n; i++) {
		if (same_token(&was->tokens[i], &is.tokens[k]))
			k++;
		else if (!is_comma(&was->tokens[i]) || was->tokens[i].n_lead ||
			was->tokens[i].trail.p)
			break;
	}
	if (code != CEDAR_OK || i < was->n || k < is.n)
		return cedar_fail(err, CEDAR_EPARSE,
			"formatting would change more than white space; please report this text");
	return CEDAR_OK;
}

static cedar_code format(struct rv_arena *a, cedar_str text, const cedar_format_opts *opts,
	struct rv_buf *out, cedar_error *err)
{
	struct scan s = { .a = a };
	unsigned width = opts && opts->line_width ? opts->line_width : LINE_WIDTH;
	unsigned indent = opts && opts->has_indent ? opts->indent_width : INDENT_WIDTH;
	if (width > LINE_MAX_WIDTH || indent > INDENT_MAX)
		return cedar_fail(err, CEDAR_ELIMIT,
			"a line is at most %d wide, an indentation at most %d", LINE_MAX_WIDTH,
			INDENT_MAX);
	CEDAR_TRY(scan(&s, text, err));
	const struct doc *d = cedar_format_build(a, s.tokens, indent);
	if (!d || !cedar_doc_print(d, width, out))
		return CEDAR_FAIL_MEMORY(err);
	return check_same(a, &s, cs(rv_buf_str(out)), err);
}

cedar_code cedar_format(
	cedar_str text, const cedar_format_opts *opts, char **ret, size_t *ret_n, cedar_error *err)
{
	RV_AUTO_ARENA a;
	struct rv_buf out;
	cedar_policies *ps;
	const cedar_policies_opts parse = { .no_index = true };
	const cedar_source src = { .text = text };
	rv_arena_init(&a, MEMORY_MAX);
	CEDAR_TRY(cedar_policies_new(&src, 1, &parse, &ps, NULL, err));
	cedar_policies_free(ps);
	rv_buf_init(&out, OUT_MAX);
	cedar_code code = format(&a, text, opts, &out, err);
	if (code == CEDAR_OK)
		return cedar_buf_give(&out, ret, ret_n, err);
	rv_buf_done(&out);
	return code;
}

cedar_code cedar_policies_to_text(const cedar_policies *ps, const cedar_format_opts *opts,
	char **ret, size_t *ret_n, cedar_error *err)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, OUT_MAX);
	for (size_t i = 0; i < ps->n; i++) {
		const cedar_policy_info *info = &ps->list[i].info;
		if (info->is_linked)
			return cedar_fail(err, CEDAR_ELINK,
				"text cannot tell links, and '%.*s' is one", RV_FMT(info->id));
		CEDAR_TRY(cedar_put_policy(&b, &ps->list[i], err));
		rv_buf_addc(&b, '\n');
	}
	return cedar_format(cs(rv_buf_str(&b)), opts, ret, ret_n, err);
}
