#include <stdio.h>

#include "cli/cli.h"

const char *rv_colour(enum rv_colour c)
{
	static const char *const codes[] = { "\033[0m", "\033[1m", "\033[2m", "\033[31m",
		"\033[32m", "\033[33m" };
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
	if (!isatty(STDOUT_FILENO) || (no && no[0]) || !term || strcmp(term, "dumb") == 0)
		return "";
	return codes[c];
}

/* C1 controls, zero-width and bidirectional marks: what makes shown text differ from the text. */
static bool is_treacherous(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c ||
		(c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
		(c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xe0000 && c <= 0xe007f);
}

void rv_put_safe(struct rv_buf *out, struct rv_str text)
{
	for (size_t i = 0; i < text.n;) {
		uint32_t c;
		size_t n = rv_utf8_get(text, i, &c);
		if (n == 0) {
			rv_buf_printf(out, "\\x%02x", (unsigned char)text.p[i++]);
			continue;
		}
		if (is_treacherous(c))
			rv_buf_printf(out, "\\u{%x}", c);
		else
			rv_buf_add(out, rv_str_sub(text, i, i + n));
		i += n;
	}
}
