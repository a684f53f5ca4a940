#include "base/err.h"
#include "cedar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What is read is consistent: every entity is found, is in itself and in its parents. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const cedar_str text = { (const char *)data, n };
	cedar_entities *es = NULL;
	cedar_error e = { .code = CEDAR_OK };
	if (cedar_entities_parse_json(text, &es, &e) != CEDAR_OK) {
		rv_assert(e.code != CEDAR_OK && e.message[0] != '\0');
		return 0;
	}
	for (size_t i = 0; i < cedar_entities_count(es); i++) {
		const cedar_entity *ent = cedar_entities_at(es, i);
		char buf[64];
		rv_assert(cedar_entities_find(es, &ent->uid) == ent);
		rv_assert(cedar_entities_in(es, &ent->uid, &ent->uid));
		for (size_t k = 0; k < ent->n_parents; k++)
			rv_assert(cedar_entities_in(es, &ent->uid, &ent->parents[k]));
		if (ent->attrs.kind == CEDAR_RECORD) {
			(void)cedar_value_print(&ent->attrs, buf, sizeof buf);
			rv_assert(cedar_value_eq(&ent->attrs, &ent->attrs));
		}
	}
	cedar_entities_free(es);
	return 0;
}
