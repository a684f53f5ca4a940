/* The leaf: what is hashed into the tree, so that an entry's place and time cannot be changed.
 *
 *     {"v":1,"seq":41,"logged":"2026-11-23T07:13:16.123456Z","event":{...}}
 *
 * No blanks, this order, the event's bytes as they were given. */
#include "ledger/ledger_int.h"

#define HEAD "{\"v\":1,\"seq\":"
#define LOGGED ",\"logged\":\""
#define EVENT "\",\"event\":"
enum { TIME_LEN = 27 };

uint64_t rv_event_id_hash(struct rv_str id)
{
	struct rv_sha256 h;
	uint64_t v;
	if (id.n == 0)
		return 0;
	rv_sha256_of(id, &h);
	memcpy(&v, h.b, sizeof v);
	return v ? v : 1;
}

enum rv_code rv_event_fields(
	struct rv_arena *a, struct rv_str event, struct rv_fields *ret, struct rv_err *err)
{
	static const char *const names[RV_W_COUNT] = { "system", "action", "outcome", "kind" };
	const struct rv_json_limits limits = { .max_bytes = RV_LEDGER_LEAF_MAX };
	const struct rv_json *v;
	*ret = (struct rv_fields){ 0 };
	RV_TRY(rv_json_parse(a, event, &limits, &v, err));
	/* No blank may stand around it: the leaf has one spelling. */
	if (v->type != RV_JSON_OBJ || event.p[0] != '{' || event.p[event.n - 1] != '}')
		return RV_FAIL(err, RV_EINVAL, "an event is one JSON object");
	const struct rv_json *id = rv_json_get(v, "id");
	if (rv_json_is(id, RV_JSON_STR))
		ret->id = id->str;
	for (int i = 0; i < RV_W_COUNT; i++) {
		const struct rv_json *m = rv_json_get(v, names[i]);
		if (rv_json_is(m, RV_JSON_STR))
			ret->word[i] = m->str;
	}
	return RV_OK;
}

static char *put(char *at, const void *p, size_t n)
{
	memcpy(at, p, n);
	return at + n;
}

size_t rv_leaf_write(char *out, uint64_t seq, const char time[RV_TIME_SIZE], struct rv_str event)
{
	char digits[24], *at = out, *d = digits + sizeof digits;
	do {
		*--d = (char)('0' + seq % 10);
		seq /= 10;
	} while (seq > 0);
	at = put(at, HEAD, sizeof HEAD - 1);
	at = put(at, d, (size_t)(digits + sizeof digits - d));
	at = put(at, LOGGED, sizeof LOGGED - 1);
	at = put(at, time, TIME_LEN);
	at = put(at, EVENT, sizeof EVENT - 1);
	at = put(at, event.p, event.n);
	*at++ = '}';
	return (size_t)(at - out);
}

static bool skip(struct rv_str *s, struct rv_str what)
{
	if (!rv_str_starts(*s, what))
		return false;
	*s = rv_str_sub(*s, what.n, s->n);
	return true;
}

enum rv_code rv_leaf_open(struct rv_str leaf, uint64_t *ret_seq, int64_t *ret_logged_ns,
	struct rv_str *ret_event, struct rv_err *err)
{
	struct rv_str s = leaf, digits, time;
	if (leaf.n > RV_LEDGER_LEAF_MAX || !skip(&s, RV_STR(HEAD)))
		return RV_FAIL(err, RV_EINVAL, "not a leaf of version 1");
	size_t comma = rv_str_find(s, ',', 0);
	digits = rv_str_sub(s, 0, comma);
	if (comma == SIZE_MAX || !rv_str_u64(digits, ret_seq) ||
		(digits.n > 1 && digits.p[0] == '0'))
		return RV_FAIL(err, RV_EINVAL, "the leaf has no sequence number");
	s = rv_str_sub(s, comma, s.n);
	if (!skip(&s, RV_STR(LOGGED)) || s.n < TIME_LEN)
		return RV_FAIL(err, RV_EINVAL, "the leaf has no time");
	time = rv_str_sub(s, 0, TIME_LEN);
	char again[RV_TIME_SIZE];
	if (!rv_time_parse(time, ret_logged_ns) ||
		!rv_str_eqz(time, rv_time_format(*ret_logged_ns, again)))
		return RV_FAIL(err, RV_EINVAL, "the leaf's time is malformed");
	s = rv_str_sub(s, TIME_LEN, s.n);
	if (!skip(&s, RV_STR(EVENT)) || s.n < 3 || s.p[0] != '{' || s.p[s.n - 1] != '}' ||
		s.p[s.n - 2] != '}')
		return RV_FAIL(err, RV_EINVAL, "the leaf has no event");
	*ret_event = rv_str_sub(s, 0, s.n - 1);
	return RV_OK;
}
