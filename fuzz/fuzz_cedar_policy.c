#include "base/err.h"
#include "cedar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void authorize(const cedar_policies *ps, cedar_answer *ret, cedar_scratch *s)
{
	static cedar_entities *es;
	if (!es) {
		const cedar_str json = cedar_z(
			"[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"s\":[1,"
			"\"x\"]},"
			"\"parents\":[{\"type\":\"G\",\"id\":\"g\"}],\"tags\":{\"t\":\"v\"}}]");
		rv_assert(cedar_entities_parse_json(json, &es, NULL) == CEDAR_OK);
	}
	const cedar_request rq = { .principal = cedar_uid_of(cedar_z("User"), cedar_z("a")),
		.action = cedar_uid_of(cedar_z("Action"), cedar_z("v")),
		.resource = cedar_uid_of(cedar_z("D"), cedar_z("d")) };
	cedar_authorize(ps, es, &rq, s, ret);
}

/* Text that parses is evaluated; index and walk must agree; each policy's own text parses again to
 * one policy. Text that does not has an error with a place inside it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const cedar_str text = { (const char *)data, n };
	const cedar_policies_opts walk = { .no_index = true };
	cedar_policies *ps = NULL, *slow = NULL, *one = NULL;
	cedar_error e = { .code = CEDAR_OK };
	if (cedar_policies_parse(text, NULL, &ps, &e) != CEDAR_OK) {
		char buf[2000];
		rv_assert(e.code != CEDAR_OK && e.message[0] != '\0' && e.offset <= n);
		(void)cedar_error_render(&e, "fuzz", text, buf, sizeof buf);
		return 0;
	}
	rv_assert(cedar_policies_parse(text, &walk, &slow, &e) == CEDAR_OK);
	cedar_scratch *s = cedar_scratch_new();
	cedar_answer x, y;
	rv_assert(s);
	authorize(ps, &x, s);
	authorize(slow, &y, s);
	rv_assert(x.decision == y.decision && x.n_permits == y.n_permits &&
		x.n_forbids == y.n_forbids && x.n_errors == y.n_errors);
	for (size_t i = 0; i < cedar_policies_count(ps) && i < 20; i++) {
		rv_assert(cedar_policies_parse(cedar_policy_at(ps, i)->text, NULL, &one, &e) ==
			CEDAR_OK);
		rv_assert(cedar_policies_count(one) == 1);
		cedar_policies_free(one);
	}
	cedar_scratch_free(s);
	cedar_policies_free(ps);
	cedar_policies_free(slow);
	return 0;
}
