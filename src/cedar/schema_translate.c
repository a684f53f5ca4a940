/* A schema's document into another of its forms. Names that it does not declare are let through,
 * for it may be one part of several; whatever else is wrong with it is refused. Text that was
 * written from a whole schema is read again and must mean the same. */
#include <stdlib.h>

#include "cedar/forms.h"
#include "cedar/schema_write.h"

static cedar_code same_meaning(const cedar_schema *was, struct rv_str text, cedar_error *err)
{
	RV_AUTO_BUF a;
	RV_AUTO_BUF b;
	cedar_schema *is = NULL;
	rv_buf_init(&a, OUT_MAX);
	rv_buf_init(&b, OUT_MAX);
	cedar_code code = cedar_schema_parse(cs(text), &is, NULL);
	if (code == CEDAR_OK) {
		cedar_schema_put_json(&a, was, NAMES_CANONICAL);
		cedar_schema_put_json(&b, is, NAMES_CANONICAL);
		if (!rv_str_eq(rv_buf_str(&a), rv_buf_str(&b)))
			code = CEDAR_ESCHEMA;
	}
	cedar_schema_free(is);
	if (a.failed || b.failed)
		return CEDAR_FAIL_MEMORY(err);
	if (code != CEDAR_OK)
		return cedar_fail(err, CEDAR_ESCHEMA,
			"text would say something else: a name in it hides another one");
	return CEDAR_OK;
}

static cedar_code write_schema(
	const cedar_schema *s, cedar_schema_form to, bool whole, struct rv_buf *b, cedar_error *err)
{
	if (to == CEDAR_SCHEMA_TEXT) {
		CEDAR_TRY(cedar_schema_put_text(b, s, err));
		if (!b->failed && whole)
			CEDAR_TRY(same_meaning(s, rv_buf_str(b), err));
	} else {
		cedar_schema_put_json(
			b, s, to == CEDAR_SCHEMA_JSON ? NAMES_AS_WRITTEN : NAMES_RESOLVED);
	}
	return b->failed ? CEDAR_FAIL_MEMORY(err) : CEDAR_OK;
}

cedar_code cedar_schema_translate(cedar_str text, bool is_json, cedar_schema_form to, char **ret,
	size_t *ret_n, cedar_error *err)
{
	struct rv_buf b;
	cedar_schema *s;
	bool whole = true;
	CEDAR_TRY(cedar_schema_open(
		text, is_json, to == CEDAR_SCHEMA_JSON_RESOLVED ? NULL : &whole, &s, err));
	rv_buf_init(&b, OUT_MAX);
	cedar_code code = write_schema(s, to, whole, &b, err);
	cedar_schema_free(s);
	if (code == CEDAR_OK)
		return cedar_buf_give(&b, ret, ret_n, err);
	rv_buf_done(&b);
	return code;
}
