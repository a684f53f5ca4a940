#include "tests/cedar/text.h"

#include <dirent.h>
#include <stdio.h>

#include <unistd.h>

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

enum { PATH_SIZE = 2000 };

static void walk(char path[PATH_SIZE], size_t root, const char *ending, text_file_cb *cb,
	struct rv_arena *a, size_t *count)
{
	DIR *dir = opendir(path);
	size_t n = strlen(path);
	for (struct dirent *e; dir && (e = readdir(dir)) != NULL;) {
		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(path + n, PATH_SIZE - n, "/%s", e->d_name); /* too long: not found */
		if (e->d_type == DT_DIR)
			walk(path, root, ending, cb, a, count);
		else if (rv_str_ends(rv_str_of(path), rv_str_of(ending))) {
			cb(rv_str_of(path + root), a, count);
			rv_arena_clear(a);
		}
	}
	path[n] = '\0';
	if (dir)
		closedir(dir);
}

size_t text_shared_each(const char *ending, text_file_cb *cb)
{
	char path[PATH_SIZE];
	const char *root = getenv("RV_SHARED");
	struct rv_arena a;
	size_t count = 0;
	(void)snprintf(path, sizeof path, "%s/cedar", root ? root : ""); /* too long: not found */
	if (!root || access(path, R_OK) != 0)
		return SIZE_MAX;
	rv_arena_init(&a, 1 << 28);
	walk(path, strlen(path) + 1, ending, cb, &a, &count);
	rv_arena_done(&a);
	return count;
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
