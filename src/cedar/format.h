/* The formatter's parts. format.c: tokens with their comments, and the promise that nothing else
 * changes. format_build.c: what belongs together. format_doc.c: where lines break. Private to
 * cedar/. */
#ifndef RV_CEDAR_FORMAT_H
#define RV_CEDAR_FORMAT_H
#include "cedar/lex.h"

struct fmt_comment {
	cedar_str text; /* from the slashes, without blanks at its end */
	bool blank_before; /* an empty line stands above it */
};
/* Comments on lines of their own lead the next token; one behind a token on its line trails it. */
struct fmt_token {
	enum token_kind kind;
	uint16_t op;
	cedar_str text; /* as it stands in the source */
	const struct fmt_comment *lead;
	size_t n_lead;
	cedar_str trail; /* p == NULL: none */
	bool blank_before; /* an empty line stands between it and what leads it */
	bool keeps_blanks; /* its comments may keep one empty line each: a policy begins */
};

/* A document: tokens, places where a line may end, groups that stand on one line or do not. */
enum doc_kind {
	DOC_TOKEN,
	DOC_SPACE,
	DOC_LINE, /* a blank or a new line */
	DOC_SOFT, /* nothing or a new line */
	DOC_HARD, /* a new line */
	DOC_BLANK, /* an empty line */
	DOC_CAT,
	DOC_NEST, /* new lines in items[0] are indented by more */
	DOC_GROUP, /* items[0] on one line if it fits */
};
struct doc {
	enum doc_kind kind;
	unsigned indent;
	const struct fmt_token *token;
	const struct doc *const *items;
	size_t n;
	bool has_token;
	/* Where comments force new lines: before the first token, between tokens, behind the last.
	 */
	bool starts, inside, ends;
};
struct doc_list {
	const struct doc **v;
	size_t n, cap;
};
struct doc_maker {
	struct rv_arena *a;
	bool failed; /* memory; what is returned then is of no use, but no NULL */
};
const struct doc *cedar_doc_token(struct doc_maker *m, const struct fmt_token *t);
const struct doc *cedar_doc_break(enum doc_kind kind);
void cedar_doc_add(struct doc_maker *m, struct doc_list *l, const struct doc *d);
const struct doc *cedar_doc_cat(struct doc_maker *m, const struct doc_list *l);
const struct doc *cedar_doc_nest(struct doc_maker *m, unsigned indent, const struct doc *d);
const struct doc *cedar_doc_group(struct doc_maker *m, const struct doc *d);
/* False: memory. */
bool cedar_doc_print(const struct doc *d, unsigned line_width, struct rv_buf *out);

/* tokens: of policies that parse, the last one TOK_END. NULL: memory. */
const struct doc *cedar_format_build(
	struct rv_arena *a, struct fmt_token *tokens, unsigned indent_width);
#endif
