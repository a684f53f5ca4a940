#include "base/err.h"
#include "cedar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* An expression over a small world; the printed value, where it is one of the language's own
 * literals, evaluates to itself. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static cedar_entities *es;
	static cedar_scratch *s;
	const cedar_str text = { (const char *)data, n };
	cedar_error e = { .code = CEDAR_OK };
	cedar_value v, again;
	if (!es) {
		const cedar_str json = cedar_z(
			"[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"r\":{"
			"\"x\":{\"y\":2}}},"
			"\"parents\":[{\"type\":\"G\",\"id\":\"g\"}],\"tags\":{\"t\":\"v\"}}]");
		rv_assert(cedar_entities_parse_json(json, &es, NULL) == CEDAR_OK);
		s = cedar_scratch_new();
		rv_assert(s);
	}
	cedar_scratch_clear(s);
	const cedar_request rq = { .principal = cedar_uid_of(cedar_z("User"), cedar_z("a")),
		.action = cedar_uid_of(cedar_z("Action"), cedar_z("v")),
		.resource = cedar_uid_of(cedar_z("D"), cedar_z("d")) };
	if (cedar_eval_text(text, es, &rq, s, &v, &e) != CEDAR_OK) {
		rv_assert(e.code != CEDAR_OK && e.message[0] != '\0');
		return 0;
	}
	char buf[8000];
	if (cedar_value_print(&v, buf, sizeof buf) < sizeof buf) {
		rv_assert(cedar_eval_text(cedar_z(buf), es, &rq, s, &again, &e) == CEDAR_OK);
		rv_assert(cedar_value_eq(&v, &again));
	}
	return 0;
}
