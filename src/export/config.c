/* The configuration: sinks as YAML, their secrets from files of their own. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/enc.h"
#include "base/file.h"
#include "base/yaml.h"
#include "export/export_int.h"

enum { FILE_MAX = 1 << 20, SECRET_MAX = 4096, BATCH = 100, BATCH_MAX = 1000, DEADLINE_MS = 10000 };

static const struct {
	const char *name;
	enum rv_sink_type type;
} types[] = {
	{ "ocsf", RV_SINK_OCSF },
	{ "cloudevents", RV_SINK_CLOUDEVENTS },
	{ "webhook", RV_SINK_WEBHOOK },
	{ "otlp-logs", RV_SINK_OTLP_LOGS },
	{ "otlp-traces", RV_SINK_OTLP_TRACES },
	{ "syslog", RV_SINK_SYSLOG },
};

/* A mistake in the value at v. */
#define FAIL_AT(v, ...) RV_FAIL_AT(err, RV_EINVAL, NULL, (v)->line, (v)->col, __VA_ARGS__)

static enum rv_code secret(
	struct rv_arena *a, struct rv_str path, struct rv_str *ret, struct rv_err *err)
{
	struct stat st;
	if (path.n == 0)
		return RV_OK;
	struct rv_str z = rv_arena_str(a, path), text;
	if (!z.p)
		return RV_FAIL_ARENA(err);
	if (stat(z.p, &st) != 0)
		return RV_FAIL(err, errno == ENOENT ? RV_ENOENT : RV_EIO, "'%s': %s", z.p,
			strerror(errno));
	if (st.st_mode & 077)
		return RV_FAIL(err, RV_EPERM,
			"'%s' can be read by others; chmod 600 it, it holds a secret", z.p);
	RV_TRY(rv_file_read(a, z.p, SECRET_MAX, &text, err));
	*ret = rv_str_trim(text);
	return ret->n > 0 ? RV_OK : RV_FAIL(err, RV_EINVAL, "'%s' is empty", z.p);
}

/* "whsec_" and base64, as Standard Webhooks writes keys. */
static enum rv_code decode_secret(struct rv_arena *a, struct rv_sink *s, struct rv_err *err)
{
	struct rv_str b64 = rv_str_sub(s->secret, 6, s->secret.n);
	uint8_t *key = rv_arena_raw(a, s->secret.n + 1);
	size_t n;
	if (!key)
		return RV_FAIL_ARENA(err);
	if (!rv_str_starts(s->secret, RV_STR("whsec_")) ||
		!rv_b64_parse(b64, key, s->secret.n, &n) || n < 24)
		return RV_FAIL(err, RV_EINVAL,
			"'%.*s': a webhook's secret is whsec_ and the base64 of 24 bytes or more",
			RV_FMT(s->secret_file));
	explicit_bzero((void *)(uintptr_t)s->secret.p, s->secret.n);
	s->secret = rv_str_n(key, n);
	return RV_OK;
}

static bool has_scheme(const struct rv_sink *s)
{
	static const char *const web[] = { "https://", "http://", "unix:" };
	static const char *const log[] = { "syslog+tls://", "syslog+tcp://" };
	if (s->type == RV_SINK_SYSLOG) {
		for (size_t i = 0; i < RV_COUNT(log); i++)
			if (rv_str_starts(s->url, rv_str_of(log[i])))
				return true;
		return false;
	}
	for (size_t i = 0; i < RV_COUNT(web); i++)
		if (rv_str_starts(s->url, rv_str_of(web[i])))
			return true;
	return false;
}

static enum rv_code check_sink(const struct rv_json *v, const struct rv_export_config *c,
	struct rv_sink *s, struct rv_err *err)
{
	if (!rv_str_is_slug(s->name, RV_SINK_NAME_MAX))
		return FAIL_AT(
			v, "'%.*s' is no name: small letters, digits and '-'", RV_FMT(s->name));
	for (size_t i = 0; i < c->n; i++)
		if (rv_str_eq(c->sinks[i].name, s->name))
			return FAIL_AT(v, "there are two sinks '%.*s'", RV_FMT(s->name));
	if (!has_scheme(s))
		return FAIL_AT(v, "'%.*s': the url begins with %s", RV_FMT(s->name),
			s->type == RV_SINK_SYSLOG ? "syslog+tls:// (or syslog+tcp://)"
						  : "https:// (or http://, unix:)");
	if ((s->type == RV_SINK_WEBHOOK) != (s->secret_file.n > 0))
		return FAIL_AT(
			v, "'%.*s': a webhook, and only that, has a secret_file", RV_FMT(s->name));
	if (s->type == RV_SINK_SYSLOG && s->token_file.n > 0)
		return FAIL_AT(v, "'%.*s': syslog knows no token", RV_FMT(s->name));
	if (s->token_file.n > 0 && rv_str_starts(s->url, RV_STR("http://")))
		return FAIL_AT(v, "'%.*s': a token goes over https:// only", RV_FMT(s->name));
	return RV_OK;
}

static enum rv_code type_of(
	const struct rv_json *v, struct rv_str name, enum rv_sink_type *ret, struct rv_err *err)
{
	for (size_t i = 0; i < RV_COUNT(types); i++)
		if (rv_str_eqz(name, types[i].name)) {
			*ret = types[i].type;
			return RV_OK;
		}
	return FAIL_AT(v,
		"type '%.*s' is unknown; there are ocsf, cloudevents, webhook, otlp-logs, "
		"otlp-traces, syslog",
		RV_FMT(name));
}

static enum rv_code read_sink(
	struct rv_arena *a, const struct rv_json *v, struct rv_export_config *c, struct rv_err *err)
{
	struct rv_sink s = { .batch = BATCH, .deadline_ms = DEADLINE_MS };
	struct rv_json_obj o;
	struct rv_str type = { 0 }, begin = { 0 };
	if (c->n == RV_SINKS_MAX)
		return FAIL_AT(v, "at most %d sinks", RV_SINKS_MAX);
	RV_TRY(rv_json_obj_open(&o, v, "sink", err));
	RV_TRY(rv_json_need_str(&o, "name", &s.name, err));
	RV_TRY(rv_json_need_str(&o, "type", &type, err));
	RV_TRY(rv_json_need_str(&o, "url", &s.url, err));
	RV_TRY(rv_json_opt_str(&o, "query", &s.query_text, err));
	RV_TRY(rv_json_opt_str(&o, "ca_file", &s.ca_file, err));
	RV_TRY(rv_json_opt_str(&o, "token_file", &s.token_file, err));
	RV_TRY(rv_json_opt_str(&o, "secret_file", &s.secret_file, err));
	RV_TRY(rv_json_opt_i64(&o, "batch", 1, BATCH_MAX, &s.batch, err));
	RV_TRY(rv_json_opt_i64(&o, "deadline_ms", 100, 600000, &s.deadline_ms, err));
	RV_TRY(rv_json_opt_str(&o, "begin", &begin, err));
	RV_TRY(rv_json_obj_close(&o, err));
	RV_TRY(type_of(v, type, &s.type, err));
	RV_TRY(check_sink(v, c, &s, err));
	if (begin.n > 0 && !rv_str_eqz(begin, "first") && !rv_str_eqz(begin, "now"))
		return FAIL_AT(v, "'%.*s': begin is 'first' or 'now'", RV_FMT(s.name));
	s.from = rv_str_eqz(begin, "now") ? -1 : 0;
	struct rv_err e = { 0 };
	enum rv_code code =
		rv_query_parse(a, s.query_text.p ? s.query_text : RV_STR(""), 1, &s.query, &e);
	if (code != RV_OK)
		return FAIL_AT(v, "'%.*s': query: column %u: %s", RV_FMT(s.name), e.col, e.msg);
	RV_TRY(secret(a, s.token_file, &s.token, err));
	RV_TRY(secret(a, s.secret_file, &s.secret, err));
	if (s.type == RV_SINK_WEBHOOK)
		RV_TRY(decode_secret(a, &s, err));
	c->sinks[c->n++] = s;
	return RV_OK;
}

static enum rv_code read_all(
	struct rv_arena *a, struct rv_str text, struct rv_export_config *c, struct rv_err *err)
{
	const struct rv_json *docs, *list;
	struct rv_json_obj o;
	RV_TRY(rv_yaml_parse(a, text, NULL, &docs, err));
	if (docs->n_items != 1)
		return RV_FAIL(err, RV_EINVAL, "it must hold one document");
	RV_TRY(rv_json_obj_open(&o, docs->items[0], "", err));
	RV_TRY(rv_json_need(&o, "sinks", RV_JSON_ARR, &list, err));
	RV_TRY(rv_json_obj_close(&o, err));
	for (size_t i = 0; i < list->n_items; i++)
		RV_TRY(read_sink(a, list->items[i], c, err));
	return c->n > 0 ? RV_OK : RV_FAIL(err, RV_EINVAL, "there is no sink");
}

enum rv_code rv_export_config_read(
	struct rv_arena *a, const char *path, struct rv_export_config *ret, struct rv_err *err)
{
	struct rv_str text;
	*ret = (struct rv_export_config){ .n = 0 };
	RV_TRY(rv_file_read(a, path, FILE_MAX, &text, err));
	struct rv_err e = { 0 };
	enum rv_code code = read_all(a, text, ret, &e);
	if (code == RV_OK)
		return RV_OK;
	rv_export_config_wipe(ret);
	return RV_FAIL_AT(
		err, code, path, e.line, e.col, "%s%s%s", e.where, e.where[0] ? ": " : "", e.msg);
}

static void wipe(struct rv_str s)
{
	if (s.n > 0)
		explicit_bzero((void *)(uintptr_t)s.p, s.n); /* of our own arena */
}

void rv_export_config_wipe(struct rv_export_config *c)
{
	for (size_t i = 0; i < c->n; i++) {
		wipe(c->sinks[i].token);
		wipe(c->sinks[i].secret);
	}
	c->n = 0;
}
