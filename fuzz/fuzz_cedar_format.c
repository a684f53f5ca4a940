#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cedar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char *meaning(cedar_str text)
{
	cedar_policies *ps;
	char *out;
	if (cedar_policies_parse(text, NULL, &ps, NULL) != CEDAR_OK)
		return NULL;
	rv_assert(cedar_policies_to_json(ps, &out, NULL, NULL) == CEDAR_OK);
	cedar_policies_free(ps);
	return out;
}

/* Comments of a text, in order, without blanks at their ends: a number that tells. */
static uint64_t comments(cedar_str s)
{
	uint64_t h = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"') {
			for (i++; i < s.n && s.p[i] != '"'; i++)
				i += s.p[i] == '\\';
			continue;
		}
		if (s.p[i] != '/' || i + 1 == s.n || s.p[i + 1] != '/')
			continue;
		size_t from = i, end;
		while (i < s.n && s.p[i] != '\n' && s.p[i] != '\r')
			i++;
		for (end = i; end > from && strchr(" \t\v\f", s.p[end - 1]); end--)
			;
		for (; from < end; from++)
			h = h * 1099511628211ULL + (unsigned char)s.p[from];
		h = h * 1099511628211ULL + 257;
	}
	return h;
}

/* What parses is formatted; it means the same, keeps its comments, and formatting it again changes
 * nothing. The first byte chooses width and indentation. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const cedar_str text = { (const char *)data + (n > 0), n - (n > 0) };
	const cedar_format_opts opts = { n > 0 ? 1 + data[0] % 100 : 0, n > 0 ? data[0] / 64 : 0,
		true };
	char *once, *twice;
	size_t k, m;
	cedar_error e = { .code = CEDAR_OK };
	if (cedar_format(text, &opts, &once, &k, &e) != CEDAR_OK) {
		rv_assert(e.message[0] != '\0' && strncmp(e.message, "formatting would", 16) != 0);
		return 0;
	}
	rv_assert(cedar_format((cedar_str){ once, k }, &opts, &twice, &m, NULL) == CEDAR_OK);
	rv_assert(k == m && memcmp(once, twice, k) == 0);
	rv_assert(comments(text) == comments((cedar_str){ once, k }));
	char *was = meaning(text), *is = meaning((cedar_str){ once, k });
	rv_assert(was && is && strcmp(was, is) == 0);
	free(was);
	free(is);
	free(once);
	free(twice);
	return 0;
}
