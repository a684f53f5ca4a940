#include "tests/ledger/lab.h"

#include <dirent.h>
#include <fcntl.h>

void lab_init(struct lab *b)
{
	*b = (struct lab){ 0 };
	const char *tmp = getenv("TMPDIR");
	snprintf(b->dir, sizeof b->dir, "%s/rv-ledger-XXXXXX", tmp ? tmp : "/tmp");
	rv_assert(mkdtemp(b->dir));
	memset(b->key.seed, 7, sizeof b->key.seed);
	b->clock = (struct rv_clock){ .is_fake = true,
		.fake_unix_ns = INT64_C(1764000000) * RV_NS_PER_S };
	b->opts = (struct rv_ledger_opts){ .dir = b->dir, .origin = LAB_ORIGIN, .key = &b->key };
	RV_AUTO_BUF v;
	rv_buf_init(&v, sizeof b->vkey);
	rv_assert(rv_ledger_vkey(&b->key, RV_STR(LAB_ORIGIN), &v, NULL) == RV_OK);
	snprintf(b->vkey, sizeof b->vkey, "%s", rv_buf_z(&v));
}

void lab_remove(const char *dir)
{
	DIR *d = opendir(dir);
	char path[600];
	if (!d)
		return;
	for (struct dirent *e; (e = readdir(d));) {
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlink(path) != 0)
			lab_remove(path);
	}
	(void)closedir(d);
	(void)rmdir(dir);
}

void lab_done(struct lab *b)
{
	lab_close(b);
	lab_remove(b->dir);
}

enum rv_code lab_open(struct lab *b, struct rv_err *err)
{
	b->opts.dir = b->dir;
	if (b->opts.key)
		b->opts.key = &b->key;
	return rv_ledger_open(&b->opts, &b->l, err);
}

void lab_close(struct lab *b)
{
	rv_ledger_free(rv_take(b->l));
}

void lab_must_open(struct lab *b)
{
	struct rv_err err = { 0 };
	if (lab_open(b, &err) == RV_OK)
		return;
	char text[1000];
	fprintf(stderr, "open: %s\n", rv_err_text(&err, text, sizeof text));
	abort();
}

void lab_id(uint64_t i, char ret[40])
{
	snprintf(ret, 40, "01930000-0000-7000-8000-%012llx", (unsigned long long)i);
}

size_t lab_event(uint64_t i, char *out, size_t cap)
{
	char id[40], pad[200];
	memset(pad, '.', sizeof pad);
	lab_id(i, id);
	int n = snprintf(out, cap,
		"{\"id\":\"%s\",\"kind\":\"%s\",\"system\":\"bot-%llu\",\"action\":\"%s\","
		"\"outcome\":"
		"\"%s\",\"pad\":\"%.*s\",\"n\":%llu}",
		id, i % 7 == 6 ? "approval.opened" : "decision", (unsigned long long)(i % 3),
		i % 2 ? "deploy-service" : "read", i % 5 == 4 ? "deny" : "allow", (int)(i % 4) * 60,
		pad, (unsigned long long)i);
	rv_assert(n > 0 && (size_t)n < cap);
	return (size_t)n;
}

enum rv_code lab_append(struct lab *b, uint64_t from, size_t n, size_t batch, struct rv_err *err)
{
	static char text[1000][LAB_EVENT];
	struct rv_ledger_record r[1000];
	rv_assert(batch <= 1000);
	while (n > 0) {
		size_t k = n < batch ? n : batch;
		for (size_t i = 0; i < k; i++)
			r[i] = (struct rv_ledger_record){
				.event = rv_str_n(text[i], lab_event(from + i, text[i], LAB_EVENT)),
				.side = (from + i) % 4 == 1 ? RV_STR("side bytes") : RV_STR("")
			};
		RV_TRY(rv_ledger_append(b->l, r, k, NULL, err));
		from += k;
		n -= k;
	}
	return RV_OK;
}

bool lab_holds(struct lab *b, uint64_t n)
{
	char want[LAB_EVENT];
	for (uint64_t i = 0; i < n; i++) {
		RV_AUTO_ARENA a;
		struct rv_ledger_entry e;
		struct rv_err err = { 0 };
		rv_arena_init(&a, 1 << 20);
		if (rv_ledger_read(b->l, &a, i, &e, &err) != RV_OK) {
			printf("# event %llu: %s\n", (unsigned long long)i, err.msg);
			return false;
		}
		size_t k = lab_event(i, want, sizeof want);
		if (!rv_str_eq(e.event, rv_str_n(want, k)))
			return false;
	}
	return true;
}

const char *lab_path(const struct lab *b, const char *name)
{
	static char path[600];
	snprintf(path, sizeof path, "%s/%s", b->dir, name);
	return path;
}

static char *read_path(const char *path, size_t *ret_n)
{
	FILE *f = fopen(path, "rbe");
	size_t cap = 1 << 16, n = 0;
	char *p = malloc(cap);
	rv_assert(p);
	if (!f) {
		free(p);
		return NULL;
	}
	for (size_t k; (k = fread(p + n, 1, cap - n, f)) > 0;) {
		n += k;
		if (n == cap) {
			cap *= 2;
			p = realloc(p, cap);
			rv_assert(p);
		}
	}
	(void)fclose(f);
	*ret_n = n;
	return p;
}

static void write_path(const char *path, const void *p, size_t n)
{
	FILE *f = fopen(path, "wbe");
	rv_assert(f && fwrite(p, 1, n, f) == n && fclose(f) == 0);
}

char *lab_read(const struct lab *b, const char *name, size_t *ret_n)
{
	return read_path(lab_path(b, name), ret_n);
}

void lab_write(const struct lab *b, const char *name, const void *p, size_t n)
{
	write_path(lab_path(b, name), p, n);
}

void lab_flip(const struct lab *b, const char *name, size_t at)
{
	size_t n;
	char *p = lab_read(b, name, &n);
	rv_assert(p && at < n);
	p[at] ^= 1;
	lab_write(b, name, p, n);
	free(p);
}

void lab_copy(const char *from, const char *to)
{
	DIR *d = opendir(from);
	char a[600], z[600];
	rv_assert(d);
	for (struct dirent *e; (e = readdir(d));) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(a, sizeof a, "%s/%s", from, e->d_name);
		snprintf(z, sizeof z, "%s/%s", to, e->d_name);
		size_t n;
		char *p = read_path(a, &n);
		rv_assert(p);
		write_path(z, p, n);
		free(p);
	}
	(void)closedir(d);
}
