/* Documents, and where their lines break (after Wadler, "A prettier printer"): a group stands on
 * one line if no comment breaks it and it fits together with what follows on that line. Both the
 * walk and the look ahead keep their own stacks. */
#include "cedar/format.h"

static const struct doc nothing = { .kind = DOC_CAT };

const struct doc *cedar_doc_break(enum doc_kind kind)
{
	static const struct doc all[] = { [DOC_SPACE] = { .kind = DOC_SPACE },
		[DOC_LINE] = { .kind = DOC_LINE },
		[DOC_SOFT] = { .kind = DOC_SOFT },
		[DOC_HARD] = { .kind = DOC_HARD, .inside = true },
		[DOC_BLANK] = { .kind = DOC_BLANK, .inside = true } };
	return &all[kind];
}

static struct doc *new_doc(struct doc_maker *m, enum doc_kind kind)
{
	struct doc *d = rv_arena_alloc(m->a, sizeof *d);
	if (d)
		d->kind = kind;
	else
		m->failed = true;
	return d;
}

const struct doc *cedar_doc_token(struct doc_maker *m, const struct fmt_token *t)
{
	struct doc *d = new_doc(m, DOC_TOKEN);
	if (!d)
		return &nothing;
	d->token = t;
	d->has_token = true;
	d->starts = t->n_lead > 0;
	d->ends = t->trail.p != NULL;
	return d;
}

void cedar_doc_add(struct doc_maker *m, struct doc_list *l, const struct doc *d)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 8;
		const struct doc **v = rv_arena_array(m->a, cap, sizeof *v);
		if (!v) {
			m->failed = true;
			return;
		}
		if (l->n > 0)
			memcpy(v, l->v, l->n * sizeof *v);
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n++] = d;
}

const struct doc *cedar_doc_cat(struct doc_maker *m, const struct doc_list *l)
{
	struct doc *d = l->n == 1 ? NULL : new_doc(m, DOC_CAT);
	if (l->n == 1 || !d)
		return l->n == 1 ? l->v[0] : &nothing;
	d->items = l->v;
	d->n = l->n;
	for (size_t i = 0; i < l->n; i++) {
		const struct doc *x = l->v[i];
		d->inside = d->inside || x->inside;
		if (!x->has_token)
			continue;
		d->inside = d->inside || (d->has_token && (d->ends || x->starts));
		d->starts = d->has_token ? d->starts : x->starts;
		d->ends = x->ends;
		d->has_token = true;
	}
	return d;
}

static const struct doc *wrap(
	struct doc_maker *m, enum doc_kind kind, unsigned indent, const struct doc *inner)
{
	struct doc *d = new_doc(m, kind);
	const struct doc **item = rv_arena_alloc(m->a, sizeof *item);
	if (!d || !item) {
		m->failed = true;
		return &nothing;
	}
	*item = inner;
	d->indent = indent;
	d->items = item;
	d->n = 1;
	d->has_token = inner->has_token;
	d->starts = inner->starts;
	d->inside = inner->inside;
	d->ends = inner->ends;
	return d;
}

const struct doc *cedar_doc_nest(struct doc_maker *m, unsigned indent, const struct doc *d)
{
	return wrap(m, DOC_NEST, indent, d);
}

const struct doc *cedar_doc_group(struct doc_maker *m, const struct doc *d)
{
	return wrap(m, DOC_GROUP, 0, d);
}

/* ---- layout ---- */

struct frame {
	const struct doc *d;
	size_t next; /* of its items */
	unsigned indent;
	bool is_flat;
};
struct stack {
	struct frame *v;
	size_t n, cap;
};
struct layout {
	struct stack todo, ahead;
	struct rv_buf *out;
	unsigned width, column;
	unsigned newlines; /* to be written before the next text */
	bool space; /* the same */
	bool failed;
};

static void push(struct layout *l, struct stack *s, struct frame f)
{
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 64;
		struct frame *v = realloc(s->v, cap * sizeof *v);
		if (!v) {
			l->failed = true;
			return;
		}
		s->v = v;
		s->cap = cap;
	}
	s->v[s->n++] = f;
}

static unsigned columns(cedar_str s)
{
	unsigned n = 0;
	for (size_t i = 0; i < s.n; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}

static const char *last_newline(cedar_str s)
{
	return s.n ? memrchr(s.p, '\n', s.n) : NULL;
}

/* Takes one step of the look ahead. True: the answer is known, *ret. */
static bool look(struct layout *l, struct frame *f, unsigned *column, bool *ret)
{
	const struct doc *d = f->d;
	*ret = true;
	switch (d->kind) {
	case DOC_TOKEN:
		if (d->starts && f->next == 0)
			return true; /* comments begin a new line */
		*column += columns(d->token->text);
		*ret = *column <= l->width;
		return !*ret || d->ends || last_newline(d->token->text);
	case DOC_SPACE:
		*column += 1;
		return false;
	case DOC_LINE:
		*column += 1;
		return !f->is_flat;
	case DOC_SOFT:
		return !f->is_flat;
	case DOC_HARD:
	case DOC_BLANK:
		return true;
	case DOC_CAT:
	case DOC_NEST:
	case DOC_GROUP:
		break;
	}
	return false;
}

/* Whether d on one line, and what follows it up to the next place for a new line, fit. */
static bool fits(struct layout *l, const struct doc *d, unsigned indent)
{
	unsigned column = d->starts || l->newlines ? indent : l->column + l->space;
	size_t rest = l->todo.n; /* frames of what follows, read from the top down */
	bool answer, skip_lead = d->starts;
	l->ahead.n = 0;
	push(l, &l->ahead, (struct frame){ d, 0, indent, true });
	while (!l->failed) {
		if (l->ahead.n == 0) {
			if (rest == 0)
				return true;
			struct frame f = l->todo.v[--rest];
			if (f.d->kind == DOC_CAT && f.next < f.d->n)
				push(l, &l->ahead, f);
			continue;
		}
		struct frame *f = &l->ahead.v[l->ahead.n - 1];
		if (f->next < f->d->n) {
			push(l, &l->ahead,
				(struct frame){ f->d->items[f->next++], 0, indent, f->is_flat });
			continue;
		}
		if (f->d->kind == DOC_TOKEN && skip_lead) {
			f->next = 1;
			skip_lead = false;
		}
		if (look(l, f, &column, &answer))
			return answer;
		l->ahead.n--;
	}
	return true;
}

static void break_line(struct layout *l, unsigned newlines)
{
	if (l->newlines < newlines)
		l->newlines = newlines;
}

static void put(struct layout *l, unsigned indent, cedar_str s)
{
	if (l->out->n == 0)
		l->newlines = 0;
	for (unsigned i = 0; i < l->newlines; i++)
		rv_buf_addc(l->out, '\n');
	if (l->newlines || l->out->n == 0) {
		for (unsigned i = 0; i < indent; i++)
			rv_buf_addc(l->out, ' ');
		l->column = indent;
	} else if (l->space) {
		rv_buf_addc(l->out, ' ');
		l->column++;
	}
	l->newlines = 0;
	l->space = false;
	rv_buf_add(l->out, rs(s));
	const char *nl = last_newline(s);
	if (nl)
		l->column = columns((cedar_str){ nl + 1, (size_t)(s.p + s.n - nl - 1) });
	else
		l->column += columns(s);
}

static void put_token(struct layout *l, const struct fmt_token *t, unsigned indent)
{
	for (size_t i = 0; i < t->n_lead; i++) {
		break_line(l, t->keeps_blanks && t->lead[i].blank_before ? 2 : 1);
		put(l, indent, t->lead[i].text);
	}
	if (t->n_lead > 0)
		break_line(l, t->keeps_blanks && t->blank_before ? 2 : 1);
	if (t->kind == TOK_END)
		return;
	put(l, indent, t->text);
	if (t->trail.p) {
		l->space = true;
		put(l, indent, t->trail);
		break_line(l, 1);
	}
}

static void step(struct layout *l)
{
	struct frame *f = &l->todo.v[l->todo.n - 1], inner;
	const struct doc *d = f->d;
	if (f->next < d->n) {
		inner = (struct frame){ d->items[f->next++], 0, f->indent + d->indent, f->is_flat };
		if (d->kind == DOC_GROUP && !inner.is_flat)
			inner.is_flat = !d->inside && fits(l, inner.d, f->indent);
		push(l, &l->todo, inner);
		return;
	}
	l->todo.n--;
	switch (d->kind) {
	case DOC_TOKEN:
		put_token(l, d->token, l->todo.v[l->todo.n].indent);
		break;
	case DOC_SPACE:
		l->space = true;
		break;
	case DOC_LINE:
	case DOC_SOFT:
		if (!l->todo.v[l->todo.n].is_flat)
			break_line(l, 1);
		else if (d->kind == DOC_LINE)
			l->space = true;
		break;
	case DOC_HARD:
		break_line(l, 1);
		break;
	case DOC_BLANK:
		break_line(l, 2);
		break;
	case DOC_CAT:
	case DOC_NEST:
	case DOC_GROUP:
		break;
	}
}

bool cedar_doc_print(const struct doc *d, unsigned line_width, struct rv_buf *out)
{
	struct layout l = { .out = out, .width = line_width };
	push(&l, &l.todo, (struct frame){ d, 0, 0, false });
	while (l.todo.n > 0 && !l.failed)
		step(&l);
	if (out->n > 0)
		rv_buf_addc(out, '\n');
	free(l.todo.v);
	free(l.ahead.v);
	return !l.failed && !out->failed;
}
