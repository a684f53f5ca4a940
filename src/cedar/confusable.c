/* Text that looks like other text: characters that turn the direction of writing, strings that mix
 * scripts (Unicode UTS 39, single-script by resolved script sets), and identifiers with characters
 * that no identifier needs (its General Security Profile). What looks like 'admin' and is not must
 * not slip past a reviewer. */
#include <stdio.h>

#include "cedar/typecheck.h"

/* Bits of scripts; all of them: used in any. */
struct script_set {
	uint64_t words[3];
};
struct script_range {
	uint32_t from; /* up to the next one's */
	uint32_t set;
};
#include "cedar/cedar_scripts.inc" /* made by scripts.pl */

/* Embeddings, overrides and isolates, and what ends them. */
static bool is_bidi(uint32_t c)
{
	return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static const struct script_set *scripts_of(uint32_t c)
{
	size_t lo = 0, hi = RV_COUNT(script_ranges);
	while (hi - lo > 1) {
		size_t mid = (lo + hi) / 2;
		if (script_ranges[mid].from <= c)
			lo = mid;
		else
			hi = mid;
	}
	return &script_sets[script_ranges[lo].set];
}

static bool is_identifier(uint32_t c)
{
	size_t lo = 0, hi = RV_COUNT(identifier_ranges);
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (identifier_ranges[mid] <= c)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo % 2 == 1;
}

/* The next character of valid UTF-8; bytes that are none count as themselves. */
static uint32_t next_char(cedar_str s, size_t *at)
{
	uint8_t b = (uint8_t)s.p[(*at)++];
	size_t more = b >= 0xf0 ? 3 : b >= 0xe0 ? 2 : b >= 0xc0 ? 1 : 0;
	if (more == 0 || *at + more > s.n)
		return b;
	uint32_t c = b & (0x3fu >> more);
	while (more-- > 0)
		c = c << 6 | ((uint8_t)s.p[(*at)++] & 0x3f);
	return c;
}

struct looks {
	bool has_bidi;
	uint32_t odd; /* the first that no identifier needs; 0: none */
	uint32_t mixed; /* the first of another script than all before; 0: none */
};

static struct looks look_at(cedar_str s)
{
	struct looks l = { 0 };
	struct script_set all = { { UINT64_MAX, UINT64_MAX, UINT64_MAX } };
	for (size_t at = 0; at < s.n;) {
		uint32_t c = next_char(s, &at);
		const struct script_set *one = scripts_of(c);
		uint64_t left = 0;
		for (size_t i = 0; i < RV_COUNT(all.words); i++)
			left |= all.words[i] &= one->words[i];
		if (!left && !l.mixed)
			l.mixed = c;
		l.has_bidi |= is_bidi(c);
		if (!l.odd && !(c >= ' ' && c <= '~') && !is_identifier(c))
			l.odd = c ? c : UINT32_MAX;
	}
	return l;
}

/* So that it shows what it is: what is not printable ASCII as \u{…}. */
static const char *inert(struct reporter *r, cedar_str s)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 10);
	for (size_t at = 0; at < s.n && !b.failed;) {
		uint32_t c = next_char(s, &at);
		if (c >= ' ' && c <= '~')
			rv_buf_addc(&b, (char)c);
		else
			rv_buf_printf(&b, "\\u{%x}", c);
	}
	return cedar_report_text(r, "%.120s", rv_buf_z(&b));
}

static void check_string(struct reporter *r, struct span at, cedar_str s)
{
	struct looks l = look_at(s);
	if (l.has_bidi)
		cedar_found(r, FINDING_BIDI_STRING, at,
			"leave out U+202A to U+202E and U+2066 to U+2069",
			"the string \"%s\" has characters that turn the direction of writing",
			inert(r, s));
	else if (l.mixed)
		cedar_found(r, FINDING_MIXED_SCRIPT_STRING, at, NULL,
			"the string \"%s\" mixes scripts: U+%04X is of another than what stands "
			"before it",
			inert(r, s), l.mixed);
}

static void check_identifier(struct reporter *r, struct span at, cedar_str s)
{
	struct looks l = look_at(s);
	if (l.has_bidi)
		cedar_found(r, FINDING_BIDI_IDENTIFIER, at, NULL,
			"the name '%s' has characters that turn the direction of writing",
			inert(r, s));
	else if (l.odd)
		cedar_found(r, FINDING_CONFUSABLE_IDENTIFIER, at, NULL,
			"the name '%s' has U+%04X, which is unusual in names and may look like "
			"another character",
			inert(r, s), l.odd == UINT32_MAX ? 0 : l.odd);
	else if (l.mixed)
		cedar_found(r, FINDING_MIXED_SCRIPT_IDENTIFIER, at, NULL,
			"the name '%s' mixes scripts: U+%04X is of another than what stands before "
			"it",
			inert(r, s), l.mixed);
}

static void check_pattern(struct reporter *r, const struct node *n)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 20);
	for (uint32_t i = 0; i < n->n; i++)
		if (!n->pattern[i].is_wildcard)
			rv_buf_add(&b, rs(n->pattern[i].text));
	if (!b.failed)
		check_string(r, at_of(n), cs(rv_buf_str(&b)));
}

static void check_own_text(struct reporter *r, const struct node *n)
{
	switch ((enum op)n->op) {
	case OP_LIT:
		if (n->lit.kind == CEDAR_STRING)
			check_string(r, at_of(n), n->lit.u.string);
		if (n->lit.kind == CEDAR_ENTITY)
			check_identifier(r, at_of(n), n->lit.u.uid->id);
		break;
	case OP_ATTR:
	case OP_HAS:
		check_identifier(r, at_of(n), n->name);
		break;
	case OP_LIKE:
		check_pattern(r, n);
		break;
	case OP_RECORD:
		for (uint32_t i = 0; i < n->n; i++)
			check_identifier(r, at_of(n), n->names[i]);
		break;
	default: /* types, functions and variables are ASCII by the grammar */
		break;
	}
}

static void walk(struct reporter *r, struct node *n)
{
	if (cedar_report_seen(r, n))
		return;
	check_own_text(r, n);
	struct node *const kids[] = { n->a, n->b, n->c };
	for (size_t i = 0; i < RV_COUNT(kids); i++)
		if (kids[i])
			walk(r, kids[i]);
	for (uint32_t i = 0; n->items && i < n->n; i++)
		walk(r, n->items[i]);
}

void cedar_confusable(struct reporter *r, struct node *whole)
{
	r->pass++;
	walk(r, whole);
}
