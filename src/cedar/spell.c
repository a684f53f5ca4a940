/* Names, strings and entities as the language spells them. */
#include "cedar/forms.h"

bool cedar_is_ident(cedar_str s)
{
	return rv_str_find(rs(s), ':', 0) == SIZE_MAX && cedar_is_path(s);
}

/* Controls, and what reorders or hides text on a screen, are written as escapes. */
static bool is_plain(uint32_t c)
{
	return !(c < 0x20 || (c >= 0x7f && c <= 0xa0) || (c >= 0x200b && c <= 0x200f) ||
		(c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xad ||
		c == 0xfeff || c == 0x61c);
}

static void put_char(struct rv_buf *b, cedar_str s, size_t *at)
{
	static const char from[] = "\n\r\t\\\"", to[] = "nrt\\\"";
	uint32_t c;
	size_t n = rv_utf8_get(rs(s), *at, &c);
	const char *hit = n == 1 && c ? strchr(from, (int)c) : NULL;
	if (hit)
		rv_buf_printf(b, "\\%c", to[hit - from]);
	else if (n > 0 && !is_plain(c))
		rv_buf_printf(b, "\\u{%x}", c);
	else
		rv_buf_add(b, rv_str_n(s.p + *at, n ? n : 1));
	*at += n ? n : 1;
}

void cedar_put_chars(struct rv_buf *b, cedar_str s, bool escape_star)
{
	for (size_t i = 0; i < s.n;) {
		if (escape_star && s.p[i] == '*')
			rv_buf_addc(b, '\\');
		put_char(b, s, &i);
	}
}

void cedar_put_string(struct rv_buf *b, cedar_str s)
{
	rv_buf_addc(b, '"');
	cedar_put_chars(b, s, false);
	rv_buf_addc(b, '"');
}

void cedar_put_name(struct rv_buf *b, cedar_str s)
{
	if (cedar_is_ident(s))
		rv_buf_add(b, rs(s));
	else
		cedar_put_string(b, s);
}

void cedar_put_uid(struct rv_buf *b, const cedar_uid *u)
{
	rv_buf_add(b, rs(u->type));
	rv_buf_addz(b, "::");
	cedar_put_string(b, u->id);
}
