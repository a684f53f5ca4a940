/* Findings: gathered, placed, shown. */
#include <stdarg.h>
#include <stdio.h>

#include "cedar/validate.h"

enum { TYPE_TEXT_MAX = 120, POLICY_FINDINGS_MAX = 1000 };

static const struct {
	const char *code;
	bool is_warning;
} findings[] = {
#define X(name, code, is_warning) { code, is_warning },
	CEDAR_FINDINGS(X)
#undef X
};

void cedar_report_policy(struct reporter *r, const struct policy *p, uint32_t index)
{
	r->policy = p;
	r->index = index;
	r->first = r->n;
	r->texts = r->n < r->max ? r->arena : r->spill;
}

static const char *text_of(struct reporter *r, const char *fmt, va_list ap)
{
	char buf[400];
	(void)vsnprintf(buf, sizeof buf, fmt, ap); /* may be cut */
	struct rv_str s = rv_arena_str(r->texts, rv_str_of(buf));
	if (!s.p)
		r->is_full = true;
	return s.p ? s.p : "";
}

const char *cedar_report_text(struct reporter *r, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	const char *s = text_of(r, fmt, ap);
	va_end(ap);
	return s;
}

const char *cedar_report_type(struct reporter *r, const cedar_schema *s, const struct type *t)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 16);
	cedar_type_print(s, t, &b);
	struct rv_str text = rv_buf_str(&b);
	size_t n = text.n;
	if (n > TYPE_TEXT_MAX)
		for (n = TYPE_TEXT_MAX; n > 0 && ((unsigned char)text.p[n] & 0xc0) == 0x80;)
			n--;
	return cedar_report_text(r, "%.*s%s", (int)n, text.p, n < text.n || b.failed ? "…" : "");
}

/* Where what the tree's places count in begins. */
static const char *source_of(const struct policy *p)
{
	return p->is_restated ? p->info.text.p : p->info.text.p - p->info.offset;
}

static bool is_within(const struct policy *p, struct span at)
{
	size_t from = p->is_restated ? 0 : p->info.offset;
	return at.length > 0 && at.offset >= from &&
		at.offset + (size_t)at.length <= from + p->info.text.n;
}

cedar_str cedar_report_source(const struct reporter *r, struct span at)
{
	if (!is_within(r->policy, at))
		return (cedar_str){ "", 0 };
	return (cedar_str){ source_of(r->policy) + at.offset, at.length };
}

static void place(const struct policy *p, struct span at, cedar_diagnostic *f)
{
	const cedar_policy_info *info = &p->info;
	f->source = info->source;
	f->offset = info->offset;
	f->length = info->text.n;
	f->line = info->line;
	f->column = info->column;
	if (!is_within(p, at))
		return;
	const char *text = source_of(p);
	for (size_t i = info->offset; !p->is_restated && i < at.offset; i++) {
		f->column++;
		if (text[i] == '\n') {
			f->line++;
			f->column = 1;
		}
	}
	f->offset = at.offset;
	f->length = at.length;
}

static bool is_said(const struct reporter *r, const cedar_diagnostic *f)
{
	for (size_t i = r->first; i < r->n; i++) {
		const cedar_diagnostic *o = &r->list[i];
		if (o->code == f->code && o->offset == f->offset && o->length == f->length &&
			str_eq(o->message, f->message))
			return true;
	}
	return false;
}

void cedar_found(struct reporter *r, enum finding what, struct span at, const char *help,
	const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	cedar_diagnostic f = { .code = findings[what].code,
		.is_warning = findings[what].is_warning,
		.policy = r->index,
		.message = cedar_z(text_of(r, fmt, ap)),
		.help = cedar_z(help ? help : "") };
	va_end(ap);
	place(r->policy, at, &f);
	if (is_said(r, &f))
		return;
	if (r->n - r->first == POLICY_FINDINGS_MAX) {
		r->is_cut = true;
		return;
	}
	if (f.is_warning)
		r->n_warnings++;
	else
		r->n_errors++;
	if (!ARENA_PUSH(r->arena, r->list, r->n, r->cap, f))
		r->is_full = true;
}

void cedar_report_policy_done(struct reporter *r)
{
	for (size_t i = r->first + 1; i < r->n; i++)
		for (size_t k = i; k > r->first && r->list[k - 1].offset > r->list[k].offset; k--) {
			cedar_diagnostic d = r->list[k];
			r->list[k] = r->list[k - 1];
			r->list[k - 1] = d;
		}
	if (r->n > r->max) {
		r->n = r->max;
		r->is_cut = true;
	}
}

const char *cedar_diagnostic_render(const cedar_policies *ps, const cedar_diagnostic *d,
	const char *name, char *buf, size_t size)
{
	const struct policy *p = &ps->list[d->policy];
	cedar_error e = { .code = CEDAR_ESCHEMA,
		.offset = p->is_restated ? d->offset : d->offset - p->info.offset,
		.length = d->length,
		.line = d->line,
		.column = d->column };
	(void)snprintf(e.message, sizeof e.message, "%s: %.*s [%s]",
		d->is_warning ? "warning" : "error", RV_FMT(d->message), d->code); /* may be cut */
	(void)snprintf(e.help, sizeof e.help, "%.*s", RV_FMT(d->help)); /* may be cut */
	return cedar_error_render(
		&e, name, name ? p->info.text : (cedar_str){ NULL, 0 }, buf, size);
}
