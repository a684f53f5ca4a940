#include "cli/serve_conf.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/yaml.h"
#include "http/http.h"

enum { CONF_MAX = 64 << 10 };

const struct rv_serve_key rv_serve_keys[RV_SERVE_KEYS] = {
#define RV_SERVE_KEY(field, key, flag, letter, kind, least, most, fallback, arg, help) \
	[RV_SERVE_ID_##                                                                \
		field] = { key, flag, letter, RV_SERVE_##kind, least, most, fallback, arg, help },
#include "cli/serve_conf.def"
#undef RV_SERVE_KEY
};
static const char *const levels[] = { "error", "warn", "info", "debug" };

/* ---- one value ---- */

/* "file:3:9: threads: " or "--threads: " in front of what is wrong. */
#define BAD(c, id, err, ...)                                                                       \
	bad(c, id, RV_FAIL_AT(err, RV_EINVAL, NULL, (c)->v[id].line, (c)->v[id].col, __VA_ARGS__), \
		err)
static enum rv_code bad(
	const struct rv_serve_conf *c, size_t id, enum rv_code code, struct rv_err *err)
{
	if (c->v[id].line > 0) {
		rv_err_prefix(err, "%s: ", rv_serve_keys[id].key);
		rv_err_where(err, c->file);
	} else {
		rv_err_prefix(err, "--%s: ", rv_serve_keys[id].flag);
	}
	return code;
}

static bool read_size(struct rv_str s, int64_t *ret)
{
	static const struct {
		const char *unit;
		int shift;
	} units[] = { { "KiB", 10 }, { "MiB", 20 }, { "GiB", 30 } };
	int shift = 0;
	for (size_t i = 0; i < RV_COUNT(units); i++)
		if (s.n > 3 && rv_str_eqz(rv_str_sub(s, s.n - 3, s.n), units[i].unit)) {
			shift = units[i].shift;
			s.n -= 3;
			break;
		}
	int64_t n;
	if (!rv_str_i64(s, &n) || n < 0 || n > INT64_MAX >> shift)
		return false;
	*ret = n << shift;
	return true;
}

static bool read_mode(struct rv_str s, int64_t *ret)
{
	int64_t v = 0;
	if (s.n < 3 || s.n > 4)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '7')
			return false;
		v = v * 8 + (s.p[i] - '0');
	}
	*ret = v;
	return true;
}

static bool read_level(struct rv_str s, int64_t *ret)
{
	for (size_t i = 0; i < RV_COUNT(levels); i++)
		if (rv_str_eqz(s, levels[i])) {
			*ret = (int64_t)i;
			return true;
		}
	return false;
}

static bool read_time(struct rv_str s, int64_t *ret)
{
	int64_t ns;
	if (rv_str_eqz(s, "0"))
		ns = 0;
	else if (!rv_duration_parse(s, &ns))
		return false;
	*ret = ns / RV_NS_PER_MS;
	return true;
}

static enum rv_code check_text(struct rv_serve_conf *c, size_t id, struct rv_err *err)
{
	const struct rv_serve_value *v = &c->v[id];
	bool is_url = rv_serve_keys[id].kind == RV_SERVE_URL;
	if (!v->text[0])
		return BAD(c, id, err, "must not be empty");
	if (is_url && !rv_str_starts(rv_str_of(v->text), RV_STR("https://")) &&
		!rv_str_starts(rv_str_of(v->text), RV_STR("http://")))
		return BAD(c, id, err, "must begin with https:// or http://, not '%s'", v->text);
	/* A service has no folder of its own that a name could be relative to. */
	if (!is_url && v->line > 0 && v->text[0] != '/')
		return BAD(c, id, err, "must be an absolute path, not '%s'", v->text);
	return RV_OK;
}

static enum rv_code check_value(struct rv_serve_conf *c, size_t id, struct rv_err *err)
{
	const struct rv_serve_key *k = &rv_serve_keys[id];
	struct rv_serve_value *v = &c->v[id];
	struct rv_str s = rv_str_of(v->text);
	int64_t n = -1;
	switch (k->kind) {
	case RV_SERVE_PATH:
	case RV_SERVE_URL:
		return check_text(c, id, err);
	case RV_SERVE_MODE:
		if (!read_mode(s, &v->number))
			return BAD(c, id, err, "must be an octal mode such as 0660, not '%s'",
				v->text);
		return RV_OK;
	case RV_SERVE_LEVEL:
		if (!read_level(s, &v->number))
			return BAD(c, id, err, "must be error, warn, info or debug, not '%s'",
				v->text);
		return RV_OK;
	case RV_SERVE_COUNT:
		if (!rv_str_i64(s, &n) || n < k->least || n > k->most)
			return BAD(c, id, err, "must be a whole number from %lld to %lld, not '%s'",
				(long long)k->least, (long long)k->most, v->text);
		break;
	case RV_SERVE_SIZE:
		if (!read_size(s, &n) || n < k->least || n > k->most)
			return BAD(c, id, err,
				"must be a size from %lld to %lld bytes, such as 64KiB or 1MiB, "
				"not '%s'",
				(long long)k->least, (long long)k->most, v->text);
		break;
	case RV_SERVE_TIME:
		if (!read_time(s, &n) || n < k->least || n > k->most)
			return BAD(c, id, err,
				"must be a time from %lldms to %llds, such as 500ms or 10s, not "
				"'%s'",
				(long long)k->least, (long long)(k->most / 1000), v->text);
		break;
	}
	v->number = n;
	return RV_OK;
}

/* ---- the addresses ---- */

static enum rv_code bad_listen(const struct rv_serve_conf *c, struct rv_err *err)
{
	if (c->listens_line > 0) {
		err->line = c->listens_line;
		err->col = c->listens_col;
		rv_err_prefix(err, "listen: ");
		rv_err_where(err, c->file);
	} else {
		rv_err_prefix(err, "--listen: ");
	}
	return err->code;
}

static enum rv_code check_listens(const struct rv_serve_conf *c, struct rv_err *err)
{
	for (size_t i = 0; i < c->listens.n; i++) {
		const char *address = c->listens.v[i];
		enum rv_code code = rv_http_address_check(address, err);
		if (code == RV_OK && !rv_http_address_is_local(address) &&
			!rv_serve_text(c, RV_SERVE_ID_tls_cert))
			code = RV_FAIL(err, RV_EINVAL,
				"'%s' can be reached from other machines: that needs TLS, a "
				"certificate (--tls-cert or tls_cert) and its key (--tls-key or "
				"tls_key)",
				address);
		for (size_t k = 0; code == RV_OK && k < i; k++)
			if (strcmp(c->listens.v[k], address) == 0)
				code = RV_FAIL(err, RV_EINVAL, "'%s' stands twice", address);
		if (code != RV_OK)
			return bad_listen(c, err);
	}
	return RV_OK;
}

/* Two settings of which neither means anything without the other. */
static enum rv_code check_pair(
	const struct rv_serve_conf *c, size_t one, size_t other, struct rv_err *err)
{
	for (int i = 0; i < 2; i++) {
		size_t has = i ? other : one, needs = i ? one : other;
		if (c->v[has].text && !c->v[needs].text)
			return BAD(c, has, err, "needs '%s' (--%s) besides",
				rv_serve_keys[needs].key, rv_serve_keys[needs].flag);
	}
	return RV_OK;
}

enum rv_code rv_serve_conf_check(struct rv_serve_conf *c, struct rv_err *err)
{
	struct rv_err none = { 0 };
	err = err ? err : &none;
	for (size_t i = 0; i < RV_SERVE_KEYS; i++) {
		struct rv_serve_value *v = &c->v[i];
		if (!v->text) {
			v->text = rv_serve_keys[i].fallback;
			v->from = "default";
		}
		if (v->text)
			RV_TRY(check_value(c, i, err));
	}
	if (c->listens.n == 0) {
		c->listens.v[c->listens.n++] = "127.0.0.1:7313";
		c->listens_from = "default";
	}
	RV_TRY(check_pair(c, RV_SERVE_ID_tls_cert, RV_SERVE_ID_tls_key, err));
	RV_TRY(check_pair(c, RV_SERVE_ID_cosign_store, RV_SERVE_ID_cosign_logs, err));
	if (c->v[RV_SERVE_ID_witness_quorum].number > 0 && !c->v[RV_SERVE_ID_witnesses].text)
		return BAD(c, RV_SERVE_ID_witness_quorum, err,
			"needs 'witnesses' (--witnesses) besides");
	if (c->listens.n > RV_SERVE_LISTENS_MAX) {
		(void)RV_FAIL(err, RV_EINVAL, "at most %d addresses", RV_SERVE_LISTENS_MAX);
		return bad_listen(c, err);
	}
	RV_TRY(check_listens(c, err));
	if (!rv_serve_text(c, RV_SERVE_ID_data))
		return RV_FAIL(err, RV_EINVAL,
			"needs --data, or 'data' in the file given with --config; a new folder is "
			"made by: reeve init");
	return RV_OK;
}

/* ---- the file ---- */

/* A scalar as its text: "threads: 4" and "threads: '4'" say the same. */
static enum rv_code text_of(
	struct rv_arena *a, const struct rv_json *v, const char **ret, struct rv_err *err)
{
	if (v->type == RV_JSON_STR && !memchr(v->str.p ? v->str.p : "", '\0', v->str.n))
		*ret = rv_arena_str(a, v->str).p;
	else if (v->type == RV_JSON_INT)
		*ret = rv_arena_printf(a, "%lld", (long long)v->integer);
	else
		return RV_FAIL_AT(err, RV_EINVAL, NULL, v->line, v->col,
			"must be text or a whole number, not %s", rv_json_type_name(v->type));
	return *ret ? RV_OK : RV_FAIL_ARENA(err);
}

static enum rv_code read_listens(
	struct rv_arena *a, const struct rv_json *v, struct rv_serve_conf *c, struct rv_err *err)
{
	if (c->listens.n > 0)
		return RV_OK; /* flags replace the list as a whole */
	c->listens_from = "file";
	c->listens_line = v->line;
	c->listens_col = v->col;
	if (v->type != RV_JSON_ARR)
		return text_of(a, v, &c->listens.v[c->listens.n++], err);
	if (v->n_items == 0 || v->n_items > RV_SERVE_LISTENS_MAX)
		return RV_FAIL_AT(err, RV_EINVAL, NULL, v->line, v->col, "has 1 to %d addresses",
			RV_SERVE_LISTENS_MAX);
	for (size_t i = 0; i < v->n_items; i++)
		RV_TRY(text_of(a, v->items[i], &c->listens.v[c->listens.n++], err));
	return RV_OK;
}

static enum rv_code read_keys(
	struct rv_arena *a, const struct rv_json *doc, struct rv_serve_conf *c, struct rv_err *err)
{
	struct rv_json_obj o;
	RV_TRY(rv_json_obj_open(&o, doc, "serve", err));
	const struct rv_json *listen = rv_json_opt_any(&o, "listen");
	if (listen && read_listens(a, listen, c, err) != RV_OK) {
		rv_err_prefix(err, "listen: ");
		return err->code;
	}
	for (size_t i = 0; i < RV_SERVE_KEYS; i++) {
		const struct rv_json *v = rv_json_opt_any(&o, rv_serve_keys[i].key);
		if (!v || c->v[i].text)
			continue;
		c->v[i].from = "file";
		c->v[i].line = v->line;
		c->v[i].col = v->col;
		if (text_of(a, v, &c->v[i].text, err) != RV_OK) {
			rv_err_prefix(err, "%s: ", rv_serve_keys[i].key);
			return err->code;
		}
	}
	return rv_json_obj_close(&o, err);
}

enum rv_code rv_serve_conf_file(struct rv_arena *a, struct rv_str text, const char *path,
	struct rv_serve_conf *c, struct rv_err *err)
{
	const struct rv_json *docs;
	struct rv_err none = { 0 };
	err = err ? err : &none;
	c->file = path;
	enum rv_code code = rv_yaml_parse(a, text, NULL, &docs, err);
	if (code == RV_OK && docs->n_items != 1)
		code = RV_FAIL_AT(err, RV_EINVAL, NULL, 1, 1, "must hold one document");
	if (code == RV_OK)
		code = read_keys(a, docs->items[0], c, err);
	if (code != RV_OK)
		rv_err_where(err, path);
	return code;
}

/* ---- the command line ---- */

static void print_one(struct rv_buf *out, const char *key, const char *text, const char *from)
{
	struct rv_json_w w;
	rv_buf_printf(out, "%s: ", key);
	rv_json_w_init(&w, out);
	rv_json_w_strz(&w, text);
	rv_buf_printf(out, "  # %s\n", from);
}

void rv_serve_conf_print(const struct rv_serve_conf *c, struct rv_buf *out)
{
	rv_buf_addz(out, "listen:");
	rv_buf_printf(out, "  # %s\n", c->listens_from);
	for (size_t i = 0; i < c->listens.n; i++) {
		struct rv_json_w w;
		rv_buf_addz(out, "  - ");
		rv_json_w_init(&w, out);
		rv_json_w_strz(&w, c->listens.v[i]);
		rv_buf_addc(out, '\n');
	}
	for (size_t i = 0; i < RV_SERVE_KEYS; i++)
		if (c->v[i].text)
			print_one(out, rv_serve_keys[i].key, c->v[i].text, c->v[i].from);
}

static enum rv_code read_file(struct rv_arena *a, struct rv_serve_conf *c, struct rv_err *err)
{
	struct rv_str text;
	RV_TRY(rv_file_read(a, c->file, CONF_MAX, &text, err));
	return rv_serve_conf_file(a, text, c->file, c, err);
}

static int fill_opts(struct rv_serve_conf *c, struct rv_opt *opts)
{
	int n = 0;
	opts[n++] = (struct rv_opt){ "config", 'c', RV_OPT_STR, "FILE",
		"YAML with these settings; a flag overrides it", &c->file };
	opts[n++] = (struct rv_opt){ "listen", 'l', RV_OPT_LIST, "ADDRESS",
		"127.0.0.1:7313 (default), unix:/PATH; may be given several times", &c->listens };
	for (size_t i = 0; i < RV_SERVE_KEYS; i++) {
		const struct rv_serve_key *k = &rv_serve_keys[i];
		opts[n++] = (struct rv_opt){ k->flag, k->letter, RV_OPT_STR, k->arg, k->help,
			&c->v[i].text };
	}
	opts[n++] = (struct rv_opt){ "check-config", 0, RV_OPT_FLAG, NULL,
		"check everything that serve needs, print the settings in force, and end",
		&c->is_check };
	return n;
}

int rv_serve_conf_read(struct rv_arena *a, int argc, char **argv, struct rv_serve_conf *c)
{
	struct rv_opt opts[RV_SERVE_KEYS + 3];
	*c = (struct rv_serve_conf){ .listens_from = "flag" };
	const struct rv_usage u = { "serve", "",
		"run the control plane: registry, decisions, approvals, log",
		"Stops on SIGTERM or SIGINT, after what is being answered has been answered. All "
		"settings are in docs/serve.md.\n\n"
		"  reeve serve --data /var/lib/reeve --listen 127.0.0.1:7313 --listen "
		"unix:/run/reeve/reeve.sock\n"
		"  reeve serve --config /etc/reeve/serve.yaml --check-config",
		opts, (size_t)fill_opts(c, opts), 0, 0 };
	struct rv_err err = { 0 };
	int n, status = rv_cli_parse(&u, argc, argv, &n);
	if (status != RV_CLI_GO)
		return status;
	for (size_t i = 0; i < RV_SERVE_KEYS; i++)
		c->v[i].from = c->v[i].text ? "flag" : NULL;
	if ((c->file && read_file(a, c, &err) != RV_OK) || rv_serve_conf_check(c, &err) != RV_OK)
		return rv_cli_fail(u.name, &err);
	return RV_CLI_GO;
}
