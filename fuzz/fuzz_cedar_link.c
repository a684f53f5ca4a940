#include "base/err.h"
#include "cedar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Links that can be read are made, or refused for a reason; what is made knows its template. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static cedar_scratch *s;
	const cedar_str text = { (const char *)data, n };
	const cedar_str policies =
		cedar_z("@id(\"t\") permit(principal == ?principal, action, resource in ?resource);"
			"@id(\"u\") forbid(principal, action, resource is D in ?resource);"
			"@id(\"p\") permit(principal, action, resource);");
	const cedar_source src = { .text = policies, .use_id_annotation = true };
	cedar_policies_opts opts = { .max_policies = 100 };
	cedar_policies *ps;
	cedar_error e = { .code = CEDAR_OK };
	if (!s)
		s = cedar_scratch_new();
	rv_assert(s);
	cedar_scratch_clear(s);
	if (cedar_links_parse_json(s, text, &opts.links, &opts.n_links, &e) != CEDAR_OK ||
		cedar_policies_new(&src, 1, &opts, &ps, NULL, &e) != CEDAR_OK) {
		rv_assert(e.code != CEDAR_OK && e.message[0] != '\0');
		return 0;
	}
	rv_assert(cedar_policies_count(ps) == 3 + opts.n_links);
	for (size_t i = 3; i < cedar_policies_count(ps); i++) {
		const cedar_policy_info *p = cedar_policy_at(ps, i);
		rv_assert(p->is_linked && p->template_index < 2 && !p->is_template);
		rv_assert(p->slot_resource && !p->slot_principal == (p->template_index == 1));
		rv_assert(cedar_policy_find(ps, p->id) == i);
	}
	cedar_policies_free(ps);
	return 0;
}
