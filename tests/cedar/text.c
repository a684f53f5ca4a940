#include "tests/cedar/text.h"

#include <stdio.h>

#include "base/file.h"

static bool read_below(struct rv_arena *a, const char *env, const char *folder, const char *name,
	struct rv_str *ret)
{
	char path[2000];
	const char *root = getenv(env);
	if (!root)
		return false;
	snprintf(path, sizeof path, "%s/%s/%s", root, folder, name);
	return rv_file_read(a, path, 1 << 28, ret, NULL) == RV_OK;
}

bool text_read(struct rv_arena *a, const char *name, struct rv_str *ret)
{
	return read_below(a, "RV_SOURCE", "tests/cedar", name, ret);
}

bool text_read_shared(struct rv_arena *a, const char *name, struct rv_str *ret)
{
	return read_below(a, "RV_SHARED", "cedar", name, ret);
}

bool text_case(struct rv_str *rest, struct rv_str *ret_head, struct rv_str *ret_body)
{
	const char *end = rest->p + rest->n, *at = rest->p;
	if (rest->n < 4 || memcmp(at, "--- ", 4) != 0) {
		at = rest->n ? memmem(at, rest->n, "\n--- ", 5) : NULL;
		if (!at)
			return false;
		at++;
	}
	at += 4;
	const char *eol = memchr(at, '\n', (size_t)(end - at));
	if (!eol)
		eol = end;
	const char *next = memmem(eol, (size_t)(end - eol), "\n--- ", 5);
	const char *stop = next ? next : end, *body = eol < stop ? eol + 1 : stop;
	*ret_head = rv_str_n(at, (size_t)(eol - at));
	*ret_body = rv_str_n(body, (size_t)(stop - body));
	*rest = next ? rv_str_n(next + 1, (size_t)(end - next - 1)) : rv_str_n(end, 0);
	return true;
}

/* A line that begins with a lower case word and a colon. */
static bool is_mark(struct rv_str line, size_t *ret_n)
{
	size_t n = 0;
	while (n < line.n && ((line.p[n] >= 'a' && line.p[n] <= 'z') || line.p[n] == '-'))
		n++;
	*ret_n = n;
	return n > 0 && n < line.n && line.p[n] == ':' && (n + 1 == line.n || line.p[n + 1] == ' ');
}

struct rv_str text_section(struct rv_str body, const char *name)
{
	struct rv_str rest = body, line, found = { NULL, 0 };
	size_t n;
	while (rest.p && rv_str_split(&rest, '\n', &line)) {
		if (!is_mark(line, &n))
			continue;
		if (found.p) {
			found.n = (size_t)(line.p - found.p);
			return rv_str_trim(found);
		}
		if (rv_str_eqz(rv_str_sub(line, 0, n), name))
			found.p = line.p + n + 1;
	}
	if (found.p)
		found.n = (size_t)(body.p + body.n - found.p);
	return found.p ? rv_str_trim(found) : found;
}
