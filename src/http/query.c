/* The checked reader of query strings. */
#include <inttypes.h>
#include <stdio.h>

#include "http/codec_int.h"

static enum rv_code decode(
	struct rv_arena *a, struct rv_str raw, struct rv_str *ret, struct rv_err *err)
{
	char *out = rv_arena_raw(a, raw.n);
	if (!out)
		return RV_FAIL_ARENA(err);
	size_t n = 0;
	for (size_t i = 0; i < raw.n; i++) {
		char c = raw.p[i];
		if (c == '+') {
			c = ' ';
		} else if (c == '%') {
			int hi = raw.n - i > 2 ? rv_http_hex(raw.p[i + 1]) : -1;
			int lo = raw.n - i > 2 ? rv_http_hex(raw.p[i + 2]) : -1;
			if (hi < 0 || lo < 0)
				return RV_FAIL(
					err, RV_EINVAL, "query: '%%' without two hex digits");
			c = (char)(hi << 4 | lo);
			i += 2;
		}
		if ((uint8_t)c < 0x20 || c == 0x7f)
			return RV_FAIL(err, RV_EINVAL, "query: control characters are not allowed");
		out[n++] = c;
	}
	*ret = rv_str_n(out, n);
	if (!rv_str_is_utf8(*ret))
		return RV_FAIL(err, RV_EINVAL, "query: not well-formed UTF-8");
	return RV_OK;
}

static enum rv_code add_pair(
	struct rv_http_query *q, struct rv_arena *a, struct rv_str part, struct rv_err *err)
{
	if (q->n == RV_HTTP_QUERY_MAX)
		return RV_FAIL(err, RV_ELIMIT, "query: more than %d parameters", RV_HTTP_QUERY_MAX);
	size_t eq = rv_str_find(part, '=', 0);
	if (eq == SIZE_MAX)
		return RV_FAIL(err, RV_EINVAL, "query: '%.*s' has no '='", RV_FMT(part));
	struct rv_http_header pair;
	RV_TRY(decode(a, rv_str_sub(part, 0, eq), &pair.name, err));
	RV_TRY(decode(a, rv_str_sub(part, eq + 1, part.n), &pair.value, err));
	if (pair.name.n == 0)
		return RV_FAIL(err, RV_EINVAL, "query: a parameter without a name");
	for (size_t i = 0; i < q->n; i++)
		if (rv_str_eq(q->pairs[i].name, pair.name))
			return RV_FAIL(
				err, RV_EINVAL, "query.%.*s: given twice", RV_FMT(pair.name));
	q->pairs[q->n++] = pair;
	return RV_OK;
}

enum rv_code rv_http_query_open(
	struct rv_http_query *q, struct rv_arena *a, struct rv_str query, struct rv_err *err)
{
	q->n = 0;
	q->asked = 0;
	q->n_names = 0;
	if (query.n == 0)
		return RV_OK;
	if (!ct_all(query, CT_TARGET))
		return RV_FAIL(err, RV_EINVAL, "query: a character that must be escaped");
	if (query.p[query.n - 1] == '&')
		return RV_FAIL(err, RV_EINVAL, "query: ends with '&'");
	struct rv_str part;
	while (rv_str_split(&query, '&', &part))
		RV_TRY(add_pair(q, a, part, err));
	return RV_OK;
}

bool rv_http_query_str(struct rv_http_query *q, const char *name, struct rv_str *ret)
{
	rv_assert(q->n_names < RV_HTTP_QUERY_MAX);
	q->names[q->n_names++] = name;
	for (size_t i = 0; i < q->n; i++) {
		if (!rv_str_eqz(q->pairs[i].name, name))
			continue;
		q->asked |= UINT64_C(1) << i;
		if (ret)
			*ret = q->pairs[i].value;
		return true;
	}
	return false;
}

enum rv_code rv_http_query_i64(struct rv_http_query *q, const char *name, int64_t min, int64_t max,
	int64_t *ret, struct rv_err *err)
{
	struct rv_str s;
	int64_t v;
	if (!rv_http_query_str(q, name, &s))
		return RV_OK;
	if (!rv_str_i64(s, &v) || v < min || v > max)
		return RV_FAIL(err, RV_EINVAL,
			"query.%s: must be a whole number from %" PRId64 " to %" PRId64, name, min,
			max);
	*ret = v;
	return RV_OK;
}

enum rv_code rv_http_query_bool(
	struct rv_http_query *q, const char *name, bool *ret, struct rv_err *err)
{
	struct rv_str s;
	if (!rv_http_query_str(q, name, &s))
		return RV_OK;
	if (!rv_str_eqz(s, "true") && !rv_str_eqz(s, "false"))
		return RV_FAIL(err, RV_EINVAL, "query.%s: must be true or false", name);
	*ret = s.p[0] == 't';
	return RV_OK;
}

enum rv_code rv_http_query_close(struct rv_http_query *q, struct rv_err *err)
{
	for (size_t i = 0; i < q->n; i++) {
		if (q->asked & UINT64_C(1) << i)
			continue;
		char known[256] = "none";
		size_t n = 0;
		for (size_t k = 0; k < q->n_names && n < sizeof known; k++)
			n += (size_t)snprintf(
				known + n, sizeof known - n, "%s%s", k ? ", " : "", q->names[k]);
		return RV_FAIL(err, RV_EINVAL, "query.%.*s: unknown; known are: %s",
			RV_FMT(q->pairs[i].name), known);
	}
	return RV_OK;
}
