#include "base/err.h"
#include "cedar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Either syntax, by the first byte; what is taken directs a small entity document and a request. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const cedar_str text = { (const char *)data, n };
	cedar_schema *s = NULL;
	cedar_entities *es = NULL;
	cedar_error e = { .code = CEDAR_OK };
	cedar_code code = n > 0 && data[0] == '{' ? cedar_schema_parse_json(text, &s, &e)
						  : cedar_schema_parse(text, &s, &e);
	if (code != CEDAR_OK) {
		rv_assert(e.code != CEDAR_OK && e.message[0] != '\0');
		return 0;
	}
	const cedar_str json = cedar_z("[{\"uid\":{\"type\":\"E\",\"id\":\"a\"},\"attrs\":{\"a\":"
				       "\"10.0.0.1\",\"b\":{\"type\":"
				       "\"E\",\"id\":\"b\"},\"c\":[1],\"d\":{\"a\":1}},\"parents\":"
				       "[],\"tags\":{\"t\":1}}]");
	code = cedar_entities_parse_json_with(json, s, &es, &e);
	rv_assert(code == CEDAR_OK || e.message[0] != '\0');
	if (code == CEDAR_OK)
		rv_assert(cedar_schema_check_entities(s, es, NULL) == CEDAR_OK);
	cedar_entities_free(es);
	cedar_schema_free(s);
	return 0;
}
