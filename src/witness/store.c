/* The witness's folder, and files that list logs and witnesses. */
#include <stdio.h>

#include "base/file.h"
#include "witness/witness.h"

enum { PATH_SIZE = 4096, LIST_MAX = 256 << 10, LOGS_MAX = 1024 };

static enum rv_code path_in(
	const char *dir, const char *name, char ret[PATH_SIZE], struct rv_err *err)
{
	int n = snprintf(ret, PATH_SIZE, "%s/%s", dir, name);
	return n > 0 && n < PATH_SIZE ? RV_OK
				      : RV_FAIL(err, RV_EINVAL, "the path '%s' is too long", dir);
}

enum rv_code rv_witness_init(
	const char *dir, const char *name, struct rv_buf *ret_vkey, struct rv_err *err)
{
	char path[PATH_SIZE];
	struct rv_ledger_key k;
	rv_ledger_key_generate(&k);
	enum rv_code code = rv_witness_vkey(&k, rv_str_of(name), ret_vkey, err);
	if (code == RV_OK)
		code = rv_dir_make(dir, 0700, err);
	if (code == RV_OK)
		code = path_in(dir, "key", path, err);
	if (code == RV_OK)
		code = rv_file_create(path, rv_str_n(k.seed, sizeof k.seed), 0600, err);
	rv_ledger_key_wipe(&k);
	RV_TRY(code);
	RV_TRY(path_in(dir, "name", path, err));
	return rv_file_write(path, rv_str_of(name), 0644, err);
}

/* The next line that says something, without comment and blanks; false: none is left. */
static bool next_line(struct rv_str *rest, uint32_t *line, struct rv_str *ret)
{
	struct rv_str s;
	while (rv_str_split(rest, '\n', &s)) {
		(*line)++;
		size_t hash = rv_str_find(s, '#', 0);
		if (hash != SIZE_MAX)
			s = rv_str_sub(s, 0, hash);
		*ret = rv_str_trim(s);
		if (ret->n > 0)
			return true;
	}
	return false;
}

static enum rv_code read_logs(
	struct rv_arena *a, const char *path, const char ***ret, size_t *ret_n, struct rv_err *err)
{
	struct rv_str text, key;
	uint32_t line = 0;
	const char **keys = rv_arena_array(a, LOGS_MAX, sizeof *keys);
	if (!keys)
		return RV_FAIL_ARENA(err);
	RV_TRY(rv_file_read(a, path, LIST_MAX, &text, err));
	for (*ret_n = 0; next_line(&text, &line, &key);) {
		if (*ret_n == LOGS_MAX)
			return RV_FAIL_AT(
				err, RV_ELIMIT, path, line, 0, "at most %d logs", LOGS_MAX);
		keys[*ret_n] = rv_arena_str(a, key).p;
		if (!keys[*ret_n])
			return RV_FAIL_ARENA(err);
		(*ret_n)++;
	}
	if (*ret_n == 0)
		return RV_FAIL_AT(
			err, RV_EINVAL, path, 0, 0, "names no log; write one verifier key a line");
	*ret = keys;
	return RV_OK;
}

enum rv_code rv_witness_open(
	const char *dir, const char *logs_file, struct rv_witness **ret, struct rv_err *err)
{
	char path[PATH_SIZE], logs_dir[PATH_SIZE];
	struct rv_str seed, name;
	struct rv_ledger_key k;
	const char **logs;
	size_t n;
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 4 << 20);
	RV_TRY(path_in(dir, "key", path, err));
	enum rv_code code = rv_file_read(&a, path, 64, &seed, err);
	if (code == RV_ENOENT)
		return RV_FAIL(err, RV_ENOENT,
			"'%s' has no witness key; make one with: reeve witness init --store %s "
			"--name NAME",
			dir, dir);
	RV_TRY(code);
	RV_TRY(path_in(dir, "name", path, err));
	RV_TRY(rv_file_read(&a, path, 1024, &name, err));
	RV_TRY(path_in(dir, "logs", logs_dir, err));
	RV_TRY(read_logs(&a, logs_file, &logs, &n, err));
	RV_TRY(rv_ledger_key_load(seed, &k, err));
	const struct rv_witness_opts o = {
		.dir = logs_dir, .name = name.p, .key = &k, .log_vkeys = logs, .n_logs = n
	};
	code = rv_witness_new(&o, ret, err);
	rv_ledger_key_wipe(&k);
	return code;
}

enum rv_code rv_witness_peers_read(struct rv_arena *a, const char *path,
	struct rv_witness_peer ret[RV_WITNESS_PEERS_MAX], size_t *ret_n, struct rv_err *err)
{
	struct rv_str text, row;
	uint32_t line = 0;
	RV_TRY(rv_file_read(a, path, LIST_MAX, &text, err));
	for (*ret_n = 0; next_line(&text, &line, &row);) {
		size_t blank = rv_str_find(row, ' ', 0);
		if (blank == SIZE_MAX)
			return RV_FAIL_AT(err, RV_EINVAL, path, line, 0,
				"a witness is its URL, a blank, its verifier key");
		if (*ret_n == RV_WITNESS_PEERS_MAX)
			return RV_FAIL_AT(err, RV_ELIMIT, path, line, 0, "at most %d witnesses",
				RV_WITNESS_PEERS_MAX);
		ret[*ret_n].url = rv_arena_str(a, rv_str_sub(row, 0, blank)).p;
		ret[*ret_n].vkey = rv_arena_str(a, rv_str_trim(rv_str_sub(row, blank, row.n))).p;
		if (!ret[*ret_n].url || !ret[*ret_n].vkey)
			return RV_FAIL_ARENA(err);
		(*ret_n)++;
	}
	return RV_OK;
}
